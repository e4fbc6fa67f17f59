"""The form of a reservation on the page of its port: what is seen there suggests for whom it is."""

from django import forms

from portatlas.contexts.reservations import services, values
from portatlas.contexts.reservations.models import HOLDER, Reservation
from portatlas.contexts.reservations.services import Key
from portatlas.models import Port

MINUTES = "%Y-%m-%dT%H:%M"  # as the field of a browser has a time
ENDINGS = (".service", ".socket", ".scope")


class ReservationForm(forms.ModelForm):
    """
    What one says of the reservation of a port, with the revision that its writer has read.

    `offers_anyway` is whether it asks about a port that is in use.
    """

    seen = forms.CharField(required=False, max_length=40, widget=forms.HiddenInput)
    anyway = forms.BooleanField(required=False, label="Reserve it although it is in use")

    class Meta:
        model = Reservation
        fields = ("project", "description", "expires_at", *HOLDER, "auto_release")
        labels = {"expires_at": "Until, in UTC", "auto_release": "Release it at the end"}
        widgets = {
            "description": forms.Textarea({"rows": 2}),
            "expires_at": forms.DateTimeInput({"type": "datetime-local"}, format=MINUTES),
        }
        help_texts = {
            "description": "What it is for.",
            "expires_at": "It is released then, unless it is renewed. Empty: it stays.",
            "process_name": "Any other program violates it. Empty: any may hold it.",
            "user": "",
            "unit": "",
            "container_name": "",
            "auto_release": "When the program that used the port has ended.",
        }

    def __init__(self, data=None, **kwargs):
        super().__init__(data, **kwargs)
        # A choice of programs, users and units is narrow enough; their names are as facts have it.
        for name in ("project", *HOLDER):
            self.fields[name].widget.attrs |= {"autocomplete": "off", "spellcheck": "false"}
        self.offers_anyway = False

    def clean_description(self) -> str:
        """Return it with the ends of lines that are stored: a browser sends others."""
        return self.cleaned_data["description"].replace("\r\n", "\n").replace("\r", "\n")

    @property
    def said(self) -> dict[str, object]:
        """What is said otherwise than it was, as `services.renew` takes it."""
        return {
            name: self.cleaned_data[name] for name in self.changed_data if name in services.TERMS
        }

    def show_again(self, revision: str) -> None:
        """Have it sent once more against what is there now."""
        self.data = self.data.copy()
        self.data["seen"] = revision


def reservation_form(
    key: Key, own: Reservation | None, port: Port | None, data=None
) -> ReservationForm:
    """Return the form to change a reservation, or to make one of a port, seen or not."""
    if own is not None:
        initial: dict[str, object] = {"seen": services.revision(own)}
        if own.expires_at:
            initial["expires_at"] = own.expires_at.replace(second=0, microsecond=0)
        return ReservationForm(data, instance=own, initial=initial)
    new = Reservation(**dict(zip(("host_id", "protocol", "port"), key, strict=True)))
    form = ReservationForm(data, instance=new, initial=_hints(port))
    form.offers_anyway = port is not None and port.is_active
    return form


def _hints(port: Port | None) -> dict[str, object]:
    """Return what is seen on a port as terms of a reservation for whoever holds it."""
    if port is None or not port.is_active:
        return {}
    hints: dict[str, object] = {name: getattr(port, name) for name in HOLDER}
    return hints | {"project": _project(port)}


def _project(port: Port) -> str:
    """Suggest a project for what holds a port: a name that one can have, else none."""
    for name in (port.compose_service, port.container_name, port.unit, port.process_name):
        word = name
        for ending in ENDINGS:
            word = word.removesuffix(ending)
        if word and len(word) <= 100 and values.project_name.regex.search(word):
            return word
    return ""
