"""Ways to somebody."""

from django.core.validators import MaxValueValidator, MinValueValidator, RegexValidator
from django.db import models
from django.db.models import Q


class Channel(models.Model):
    """A way to somebody. Its secret is encrypted, and never shown or logged."""

    class Kind(models.TextChoices):
        WEBHOOK = "webhook"
        NTFY = "ntfy"
        EMAIL = "email", "e-mail"
        APPRISE = "apprise"

    name = models.CharField(max_length=60, unique=True)
    kind = models.CharField(max_length=7, choices=Kind)
    is_enabled = models.BooleanField("enabled", default=True)
    address = models.CharField(
        max_length=1000,
        blank=True,
        help_text="The URL of a webhook, or of a topic of ntfy; addresses of e-mail, separated by "
        "commas. Empty for apprise, whose URL is the secret.",
    )
    sealed = models.TextField(blank=True, editable=False)  # see vault.py
    priority = models.PositiveSmallIntegerField(
        default=3,
        validators=[MinValueValidator(1), MaxValueValidator(5)],
        help_text="For ntfy: 1 is the least, 5 the most urgent.",
    )
    tags = models.CharField(
        max_length=100,
        blank=True,
        validators=[
            RegexValidator(r"^[A-Za-z0-9_+-]+(,[A-Za-z0-9_+-]+)*\Z", "Like warning,atlas.")
        ],
        help_text="For ntfy: words or names of emojis, separated by commas.",
    )

    class Meta:
        ordering = ["name"]
        constraints = [
            models.CheckConstraint(
                condition=Q(kind__in=["webhook", "ntfy", "email", "apprise"]),
                name="%(app_label)s_%(class)s_kind_valid",
            ),
        ]

    def __str__(self) -> str:
        return self.name
