"""To whom ports belong."""

from django.contrib.auth.models import Group
from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import F, Q

from portatlas.contexts.reservations import values
from portatlas.contexts.reservations.models.port import Protocol


class AllocationRule(models.Model):
    """
    Ports that belong to some projects, or to a team, which is a group of users.

    They get their ports in these ranges and nowhere else, and nobody else gets one there.
    """

    project = models.CharField(
        max_length=100,
        blank=True,
        validators=[values.plain_text],
        help_text="A project; * and ? stand for any letters, as in shop-*.",
    )
    team = models.ForeignKey(
        Group,
        models.CASCADE,
        null=True,
        blank=True,
        related_name="+",
        help_text="A group: whatever its members reserve.",
    )
    host_id = models.CharField(
        "host",
        max_length=64,
        default=values.EVERY_HOST,
        validators=[values.host_name],
        help_text="* for every host.",
    )
    protocol = models.CharField(
        max_length=3, choices=Protocol, blank=True, help_text="Empty for both."
    )
    first = models.PositiveIntegerField(
        "first port", validators=[MinValueValidator(1), MaxValueValidator(65535)]
    )
    last = models.PositiveIntegerField(
        "last port", validators=[MinValueValidator(1), MaxValueValidator(65535)]
    )
    reason = models.CharField(
        max_length=200,
        blank=True,
        validators=[values.plain_text],
        help_text="Told to whoever is refused.",
    )

    class Meta:
        ordering = ["first", "last", "pk"]
        constraints = [
            models.CheckConstraint(
                condition=Q(first__gte=1, last__lte=65535, first__lte=F("last")),
                name="%(app_label)s_%(class)s_range",
                violation_error_message="A range goes from the lower port to the higher.",
            ),
            models.CheckConstraint(
                condition=~Q(project="") | Q(team__isnull=False),
                name="%(app_label)s_%(class)s_somebodys",
                violation_error_message="Say for which project or which team.",
            ),
            models.CheckConstraint(
                condition=Q(protocol__in=["", "tcp", "udp"]),
                name="%(app_label)s_%(class)s_protocol_valid",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.first}-{self.last} for {self.project or self.team}"

    def clean(self) -> None:
        if self.project and self.team_id:
            raise ValidationError("A rule is for projects or for a team: make two of it.")
