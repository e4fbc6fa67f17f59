"""The form by which a project asks for free ports."""

import re

from django import forms
from django.core.exceptions import ValidationError

from portatlas.board.reservation_form import MINUTES
from portatlas.contexts.reservations import services, values
from portatlas.contexts.reservations.models import LONGEST, Protocol
from portatlas.contexts.reservations.querysets import Place
from portatlas.reserving.ground import Wanted

SPAN = re.compile(r"\s*([0-9]{1,5})\s*-\s*([0-9]{1,5})\s*")


class SpanField(forms.CharField):
    """Ports from the first to the last, as 8000-8100; None for none."""

    def clean(self, value):
        text = super().clean(value)
        if not text:
            return None
        found = SPAN.fullmatch(text)
        if not found or not 1 <= int(found[1]) <= int(found[2]) <= 65535:
            raise ValidationError("Write the first port and the last, as 8000-8100.")
        return range(int(found[1]), int(found[2]) + 1)


class RequestForm(forms.Form):
    """How many free ports are wanted, for which project unless that is said, and where."""

    project = forms.CharField(max_length=100, validators=[values.project_name])
    count = forms.IntegerField(label="How many", min_value=1, max_value=services.MOST, initial=1)
    host_id = forms.CharField(
        label="Host",
        max_length=64,
        validators=[values.host_name],
        help_text="* stands for every host.",
    )
    protocol = forms.ChoiceField(choices=Protocol)
    within = SpanField(
        label="In the range",
        required=False,
        max_length=20,
        help_text="As 8000-8100. Empty: the usual ports, or those that the project has by rule.",
    )
    near = forms.IntegerField(
        label="As near as may be to", required=False, min_value=1, max_value=65535
    )
    expires_at = forms.DateTimeField(
        label="Until, in UTC",
        required=False,
        widget=forms.DateTimeInput({"type": "datetime-local"}, format=MINUTES),
        help_text="Empty: they stay.",
    )
    description = forms.CharField(label="What for", required=False, max_length=LONGEST)
    adjacent = forms.BooleanField(label="In a row", required=False)

    def __init__(self, data=None, *, here: str, project: str = ""):
        super().__init__(data, initial={"host_id": here}, auto_id="request-%s")
        self.project = project
        if project:
            del self.fields["project"]
        for name in {"project", "host_id", "within"} & self.fields.keys():
            self.fields[name].widget.attrs |= {"autocomplete": "off", "spellcheck": "false"}

    @property
    def place(self) -> Place:
        return Place(self.cleaned_data["host_id"], self.cleaned_data["protocol"])

    @property
    def wanted(self) -> Wanted:
        said = {name: self.cleaned_data[name] for name in ("count", "within", "near", "adjacent")}
        return Wanted(self.project or self.cleaned_data["project"], **said)

    @property
    def terms(self) -> dict[str, object]:
        return {name: self.cleaned_data[name] for name in ("description", "expires_at")}
