"""The forms of rules and channels."""

from django import forms
from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.validators import validate_email

from portatlas.notifications.channels import apprise
from portatlas.notifications.channels.targets import RefusedError, parse
from portatlas.notifications.models import Channel, Rule
from portatlas.notifications.vault import seal

MOST_ADDRESSES = 20
SHORTEST_SECRET = 16  # characters

Kind = Channel.Kind


class RuleForm(forms.ModelForm):
    class Meta:
        model = Rule
        fields = [
            "name",
            "kind",
            "is_enabled",
            "channels",
            "host_id",
            "tag",
            "scope",
            "minutes",
            "digest",
            "quiet_from",
            "quiet_until",
            "time_zone",
            "tells_recovery",
        ]
        widgets = {"channels": forms.CheckboxSelectMultiple}


class ChannelForm(forms.ModelForm):
    """A channel, whose secret goes in and never comes out again."""

    secret = forms.CharField(
        max_length=2000,
        required=False,
        widget=forms.PasswordInput({"autocomplete": "new-password"}),
        help_text="What signs a webhook (16 characters or more), the token of ntfy, or the URL of "
        "apprise. It is never shown again; empty leaves it as it is.",
    )
    forget = forms.BooleanField(
        label="forget the secret", required=False, help_text="For ntfy without a token."
    )

    class Meta:
        model = Channel
        fields = ["name", "kind", "is_enabled", "address", "priority", "tags"]

    def clean(self):
        cleaned = super().clean()
        kind, address = cleaned.get("kind"), cleaned.get("address", "")
        if kind in {Kind.WEBHOOK, Kind.NTFY}:
            self._check("address", _url, address, kind)
        elif kind == Kind.EMAIL:
            self._check("address", _addresses, address)
        elif kind == Kind.APPRISE and not apprise.is_installed():
            self.add_error("kind", apprise.MISSING)
        if kind == Kind.APPRISE and address:
            self.add_error("address", "The URL of apprise is its secret: enter it there.")
        secret = cleaned.get("secret", "")
        if kind == Kind.WEBHOOK and 0 < len(secret) < SHORTEST_SECRET:
            self.add_error("secret", f"Take {SHORTEST_SECRET} characters or more.")
        if kind in {Kind.WEBHOOK, Kind.APPRISE} and not secret and not self._is_kept():
            self.add_error("secret", "This kind of channel needs a secret.")
        return cleaned

    def save(self, commit=True):
        secret = self.cleaned_data["secret"]
        if secret:
            keys = (settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS)
            self.instance.sealed = seal(secret, keys)
        elif not self._is_kept():
            self.instance.sealed = ""
        return super().save(commit)

    def _check(self, name, check, *values):
        try:
            check(*values)
        except ValidationError as exc:
            self.add_error(name, exc)

    def _is_kept(self) -> bool:
        """Whether the secret that is there stays: it is for the place for which it was entered."""
        moved = "kind" in self.changed_data or (
            self.instance.kind == Kind.NTFY and "address" in self.changed_data
        )
        return bool(self.instance.sealed) and not moved and not self.cleaned_data.get("forget")


def _url(address: str, kind: str) -> None:
    try:
        place = parse(address)
    except RefusedError as exc:
        raise ValidationError(str(exc)) from exc
    if kind == Kind.NTFY and not place.path.strip("/"):
        raise ValidationError("The topic is missing: https://ntfy.sh/my-topic.")


def _addresses(text: str) -> None:
    addresses = [each.strip() for each in text.split(",")]
    if len(addresses) > MOST_ADDRESSES:
        raise ValidationError(f"At most {MOST_ADDRESSES} addresses.")
    for address in addresses:
        validate_email(address)
