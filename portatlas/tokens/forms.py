from django import forms

from portatlas.tokens import lifetime
from portatlas.tokens.models import NAME_TAKEN, Token
from portatlas.tokens.scopes import Scope

LIFETIMES = [
    ("30d", "30 days"),
    ("90d", "90 days"),
    (lifetime.USUAL, "a year"),
    (lifetime.NEVER, "never"),
]


class TokenForm(forms.ModelForm):
    """What makes a token; nothing about one can be edited later."""

    scopes = forms.MultipleChoiceField(
        choices=[(scope.value, f"{scope.value}: {scope.meaning}") for scope in Scope],
        widget=forms.CheckboxSelectMultiple,
        help_text="What it may do. It never may more than its user.",
    )
    lives = forms.ChoiceField(
        label="Expires", choices=LIFETIMES, initial=lifetime.USUAL, help_text="Counted from now."
    )

    class Meta:
        model = Token
        fields = ["user", "name", "scopes", "host_id"]

    def clean(self):
        """Ask for the name, which the constraint can't: whether it holds is not in the form."""
        data = super().clean()
        taken = Token.objects.filter(user=data.get("user"), name=data.get("name"), revoked_at=None)
        if taken.exists():
            self.add_error("name", NAME_TAKEN)
        return data
