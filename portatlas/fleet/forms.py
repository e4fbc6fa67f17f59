"""What is asked when a host is added, or gets another token."""

from django import forms
from django.conf import settings
from django.core.validators import RegexValidator

from collector import schedule
from collector.sweep import HOST_ID
from portatlas.fleet import enrolment


class HostForm(forms.Form):
    """The name of a host that is to report here."""

    host_id = forms.CharField(
        label="Host name",
        max_length=64,
        validators=[
            RegexValidator(
                rf"^{HOST_ID}\Z",
                "A host is named by letters, digits and . _ : - alone, a letter or digit first.",
            )
        ],
        help_text="What the machine is called here: letters, digits and . _ : -",
        widget=forms.TextInput(
            {
                "autocomplete": "off",
                "autocapitalize": "none",
                "spellcheck": "false",
                "autofocus": True,
                "class": "vTextField",
            }
        ),
    )

    def clean_host_id(self):
        host_id = self.cleaned_data["host_id"]
        local = settings.PORTATLAS_HOST_ID if schedule.interval() else ""
        enrolment.raise_unless_new(host_id, local=local)
        return host_id


class AgainForm(forms.Form):
    """Whether another machine is to have the name of a host."""

    is_other_machine = forms.BooleanField(
        label="Another machine is to have this name",
        required=False,
        help_text="What was seen of the old one stays; sweeps of it are refused from then on.",
    )
