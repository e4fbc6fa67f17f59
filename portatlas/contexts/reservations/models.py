"""Who may take which port: the reservations that hold, their history, and the rules for both."""

from datetime import datetime

from django.contrib.auth.models import Group
from django.core.exceptions import ValidationError
from django.core.validators import MaxLengthValidator, MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import F, Q

from portatlas.contexts.reservations import values
from portatlas.contexts.reservations.querysets import (
    AppendOnlyError,
    HistoryQuerySet,
    ReservationQuerySet,
)

LONGEST = 2_000  # characters of a description
# The columns of a fact by which a reservation may say who it is for.
HOLDER = ("process_name", "user", "unit", "container_name")


class Protocol(models.TextChoices):
    TCP = "tcp", "tcp"
    UDP = "udp", "udp"


class Port(models.Model):
    """What all of this is about: a port of a host, or of every host."""

    host_id = models.CharField(
        "host", max_length=64, validators=[values.host_name], help_text="* for every host."
    )
    protocol = models.CharField(max_length=3, choices=Protocol, default=Protocol.TCP)
    port = models.PositiveIntegerField(
        validators=[MinValueValidator(1), MaxValueValidator(65535)],
    )

    class Meta:
        abstract = True

    @property
    def key(self) -> tuple[str, str, int]:
        return self.host_id, self.protocol, self.port


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
        """Look at what a field that may be empty lets pass: nothing of the wrong kind."""
        checks = {"tags": values.tags, "metadata": values.metadata}
        errors = {}
        for name, check in checks.items():
            try:
                check(getattr(self, name))
            except ValidationError as exc:
                errors[name] = exc
        if errors:
            raise ValidationError(errors)

    @property
    def is_for_every_host(self) -> bool:
        return self.host_id == values.EVERY_HOST

    def has_run_out(self, at: datetime) -> bool:
        return self.expires_at is not None and self.expires_at <= at


class ReservationEvent(Port):
    """An append-only line of the history of reservations; it outlives what it is about."""

    class Action(models.TextChoices):
        RESERVED = "reserved"
        RENEWED = "renewed"
        RELEASED = "released"
        IN_USE = "in-use"
        FREED = "freed"
        KILLED = "killed"
        VIOLATED = "violated"

    action = models.CharField(max_length=8, choices=Action)
    project = models.CharField(max_length=100, blank=True)
    at = models.DateTimeField()
    performed_by = models.CharField(
        max_length=150, blank=True, help_text="Who did it; empty where it was observed."
    )
    seen_on = models.CharField(
        max_length=64, blank=True, help_text="The host on which it was observed."
    )
    details = models.JSONField(default=dict, blank=True)

    objects = HistoryQuerySet.as_manager()

    class Meta:
        ordering = ["-at", "-pk"]
        verbose_name = "line of history"
        verbose_name_plural = "history"
        default_permissions = ("view",)
        indexes = [
            models.Index(
                fields=["host_id", "protocol", "port", "-at"], name="reservations_history_of_port"
            ),
            models.Index(fields=["-at"], name="reservations_history"),
        ]
        constraints = [
            models.CheckConstraint(
                condition=Q(
                    action__in=[
                        *("reserved", "renewed", "released"),
                        *("in-use", "freed", "killed", "violated"),
                    ]
                ),
                name="%(app_label)s_%(class)s_action_valid",
            ),
        ]

    def __str__(self) -> str:
        return f"{values.named(self.key)} {self.action} {self.at:%F %T}"

    def save(self, *args, **kwargs) -> None:
        if not self._state.adding:
            raise AppendOnlyError
        super().save(*args, **kwargs)

    def delete(self, *args, **kwargs):
        raise AppendOnlyError


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
