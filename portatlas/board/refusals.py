"""Why ports were not reserved, told in the form that asked for it."""

from django import forms
from django.core.exceptions import NON_FIELD_ERRORS, ValidationError

from portatlas.contexts.reservations.services import NotReservedError, RefusedError

REFUSALS = (RefusedError, NotReservedError, ValidationError)


def tell(form: forms.BaseForm, exc: Exception) -> int:
    """Add to a form what was raised, and return the status of the answer."""
    if not isinstance(exc, ValidationError):
        form.add_error(None, ValidationError(str(exc), code="refused"))
        return 409
    for name, errors in getattr(exc, "error_dict", {NON_FIELD_ERRORS: [exc]}).items():
        form.add_error(name if name in form.fields else None, errors)
    return 422
