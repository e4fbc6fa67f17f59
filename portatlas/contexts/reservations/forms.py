"""The forms of reservations: what is reserved, why it is released, and to whom ports belong."""

import re

from django import forms

from portatlas.contexts.reservations import services, values
from portatlas.contexts.reservations.models import HOLDER, Reservation

# Which process of a PID it is follows from the PID.
SAID = (
    *("project", "description", "tags", "expires_at", "auto_release"),
    *HOLDER,
    *("pid", "metadata"),
)
KEEP = "What you said is kept below: save once more to put it in the place of that."


class LinesField(forms.CharField):
    """Text whose lines end as they do in files, not as browsers send them."""

    widget = forms.Textarea({"rows": 4})

    def to_python(self, value):
        return super().to_python(value).replace("\r\n", "\n")


class WordsField(forms.CharField):
    """Tags as people type them: words between commas or blanks."""

    def prepare_value(self, value):
        return ", ".join(value) if isinstance(value, list) else value

    def clean(self, value):
        words = _words(super().clean(value))
        values.tags(words)
        return words

    def has_changed(self, initial, data):
        return _words(data or "") != (initial or [])


class ObjectField(forms.JSONField):
    """A JSON object, empty if nothing is said; shown again even where it has what no page can."""

    def to_python(self, value):
        found = super().to_python(value)
        return {} if found is None else found

    def prepare_value(self, value):
        return super().prepare_value(value).encode(errors="backslashreplace").decode()


class ReservationForm(forms.ModelForm):
    """
    A reservation with the revision that its writer has read.

    `refused` is why it could not be written a moment ago, if so: that is told, with all that was
    typed.
    """

    refused: Exception | None = None

    description = LinesField(
        required=False,
        max_length=Reservation._meta.get_field("description").max_length,
        help_text="What it is for.",
    )
    tags = WordsField(required=False, help_text="Lower-case words, separated by commas.")
    expires_at = forms.DateTimeField(
        label="Until (UTC)",
        required=False,
        widget=forms.DateTimeInput(
            {"type": "datetime-local", "step": "1"}, format="%Y-%m-%dT%H:%M:%S"
        ),
        help_text="When it is released, unless it was renewed by then. Empty: never.",
    )
    metadata = ObjectField(
        required=False,
        initial=dict,
        help_text=Reservation._meta.get_field("metadata").help_text,
    )
    seen = forms.CharField(required=False, max_length=50, widget=forms.HiddenInput)

    class Meta:
        model = Reservation
        fields = ["host_id", "protocol", "port", *SAID]

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.initial["seen"] = self._revision()
        self.instance.validate_constraints = self.validate_unique

    def validate_unique(self, exclude=None):
        """Leave it to the service: what stands in the way may have run out, or be one's own."""

    def clean(self):
        cleaned = super().clean()
        if self.refused:
            self._tell(self.refused)
        elif (cleaned.get("seen") or "") != self._revision():
            self.data = self.data.copy()
            self.data[self.add_prefix("seen")] = self._revision()
            raise forms.ValidationError(self._changed(cleaned), code="changed")
        return cleaned

    def _revision(self) -> str:
        return services.revision(self.instance) if self.instance.pk else ""

    def _tell(self, refused: Exception) -> None:
        if not isinstance(refused, forms.ValidationError):
            self.add_error(None, str(refused))
            return
        for name, errors in refused.update_error_dict({}).items():
            self.add_error(name if name in self.fields else None, errors)

    def _changed(self, mine: dict) -> str:
        """Say where the reservation is no longer what this form says."""
        other = [
            f"{self[name].label}: {_shown(getattr(self.instance, name))}"
            for name in SAID
            if name in mine and (mine[name] or "") != (getattr(self.instance, name) or "")
        ]
        differs = f" It says now: {'; '.join(other)}." if other else " It says what you say."
        return f"Somebody changed this reservation while you were writing.{differs} {KEEP}"


class ReleaseForm(forms.Form):
    """Why ports are released."""

    why = forms.CharField(
        required=False,
        max_length=200,
        validators=[values.plain_text],
        help_text="For their history. You may leave it empty.",
    )


def _words(text: str) -> list[str]:
    return list(dict.fromkeys(re.findall(r"[^\s,]+", text.lower())))


def _shown(value) -> str:
    text = ", ".join(value) if isinstance(value, list) else str(value or "")
    return f"“{text[:200]}”" if text else "nothing"
