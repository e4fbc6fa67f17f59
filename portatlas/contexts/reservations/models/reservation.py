"""The reservations that hold."""

from datetime import datetime

from django.core.exceptions import ValidationError
from django.core.validators import MaxLengthValidator
from django.db import models
from django.db.models import Q

from portatlas.contexts.reservations import values
from portatlas.contexts.reservations.models.port import Port
from portatlas.contexts.reservations.querysets import ReservationQuerySet

LONGEST = 2_000  # characters of a description
# The columns of a fact by which a reservation may say who it is for.
HOLDER = ("process_name", "user", "unit", "container_name")
PROCESS_OF_NONE = "A process is one of one host: say which."


class Reservation(Port):
    """
    A port that a project has reserved; a row is there as long as that holds.

    Whether it is in use is derived from facts, which are joined softly on (host_id, protocol,
    port). It is for whoever the four columns of `HOLDER` name, each as facts have it, and for the
    process `pid` and its descendants, as far as they say anything. Written through `services`
    and `observing`, which keep its history.
    """

    class Observed(models.TextChoices):
        NOTHING = ""
        IN_USE = "in-use"
        VIOLATED = "violated"

    project = models.CharField(max_length=100, validators=[values.project_name])
    description = models.TextField(
        blank=True,
        max_length=LONGEST,
        validators=[values.plain_text, MaxLengthValidator(LONGEST)],
        help_text="What it is for.",
    )
    tags = models.JSONField(default=list, blank=True, validators=[values.tags])
    metadata = models.JSONField(
        default=dict,
        blank=True,
        validators=[values.metadata],
        help_text='Whatever programs want to keep with it, as {"ticket": 42}.',
    )
    requested_by = models.CharField(max_length=150, blank=True, validators=[values.plain_text])
    reserved_at = models.DateTimeField()
    renewed_at = models.DateTimeField(null=True, blank=True)
    expires_at = models.DateTimeField(
        null=True, blank=True, help_text="When it is released, unless it was renewed by then."
    )
    auto_release = models.BooleanField(
        default=False, help_text="Release it when the program that used the port has ended."
    )

    process_name = models.CharField(
        "program",
        max_length=255,
        blank=True,
        validators=[values.plain_text],
        help_text="The program that it is for, as the board calls it. Any other violates it.",
    )
    user = models.CharField(
        max_length=255,
        blank=True,
        validators=[values.plain_text],
        help_text="The user of the system that it is for.",
    )
    unit = models.CharField(
        max_length=255,
        blank=True,
        validators=[values.plain_text],
        help_text="The unit of systemd that it is for.",
    )
    container_name = models.CharField(
        "container",
        max_length=255,
        blank=True,
        validators=[values.plain_text],
        help_text="The container that it is for.",
    )
    pid = models.PositiveBigIntegerField(
        "PID", null=True, blank=True, help_text="The process whose end releases it."
    )
    pid_started_at = models.FloatField(
        null=True, blank=True, editable=False, help_text="Which process of this PID it is."
    )
    pid_seen_in = models.CharField(
        max_length=80,
        blank=True,
        editable=False,
        validators=[values.plain_text],
        help_text="In which boot and namespace it has this PID.",
    )

    observed = models.CharField(
        max_length=8,
        choices=Observed,
        blank=True,
        editable=False,
        help_text="What its history tells last of its use; the status is derived from facts.",
    )
    version = models.PositiveIntegerField(default=1, editable=False)

    objects = ReservationQuerySet.as_manager()

    class Meta:
        ordering = ["host_id", "port", "protocol"]
        constraints = [
            models.UniqueConstraint(
                fields=["host_id", "protocol", "port"],
                name="%(app_label)s_%(class)s_one_live",
                violation_error_message="This port of this host is reserved already.",
            ),
            models.CheckConstraint(
                condition=~Q(host_id=""),
                name="%(app_label)s_%(class)s_host_is_said",
                violation_error_message="Say which host, or * for every host.",
            ),
            models.CheckConstraint(
                condition=Q(port__range=(1, 65535)),
                name="%(app_label)s_%(class)s_port_in_range",
                violation_error_message="A port is a number from 1 to 65535.",
            ),
            models.CheckConstraint(
                condition=Q(protocol__in=["tcp", "udp"]),
                name="%(app_label)s_%(class)s_protocol_valid",
            ),
            models.CheckConstraint(
                condition=~Q(project=""),
                name="%(app_label)s_%(class)s_project_is_said",
                violation_error_message="A port is reserved for a project: say which.",
            ),
            models.CheckConstraint(
                condition=Q(observed__in=["", "in-use", "violated"]),
                name="%(app_label)s_%(class)s_observed_valid",
            ),
        ]
        indexes = [
            models.Index(fields=["project"], name="reservations_of_project"),
            models.Index(fields=["protocol", "port"], name="reservations_of_number"),
            models.Index(
                fields=["expires_at"],
                condition=Q(expires_at__isnull=False),
                name="reservations_run_out",
            ),
            models.Index(
                fields=["pid"], condition=Q(pid__isnull=False), name="reservations_leased"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.project} ({values.named(self.key)})"

    def clean(self) -> None:
        """Look at what a field that may be empty lets pass, and at what goes with what."""
        checks = {"tags": values.tags, "metadata": values.metadata}
        errors = {}
        for name, check in checks.items():
            try:
                check(getattr(self, name))
            except ValidationError as exc:
                errors[name] = exc
        if self.is_for_every_host and self.pid is not None:
            errors["pid"] = PROCESS_OF_NONE
        if errors:
            raise ValidationError(errors)

    @property
    def is_for_every_host(self) -> bool:
        return self.host_id == values.EVERY_HOST

    def has_run_out(self, at: datetime) -> bool:
        return self.expires_at is not None and self.expires_at <= at
