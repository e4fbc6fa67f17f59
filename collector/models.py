"""Runtime facts: what the kernel said, never what we think about it."""

from datetime import datetime

from django.core.validators import RegexValidator
from django.db import models
from django.db.models import F, Q

from collector import sweep


def choices(words) -> list[tuple[str, str]]:
    return [(word.value, word.value.replace("_", " ")) for word in words]


class Host(models.Model):
    """
    One machine, and how well it was seen last.

    `last_look_at` is the last attempt of any verdict; `last_sweep_at` the last complete one.
    A port that is active was last seen then, so an unchanged sweep writes no row of a port.
    """

    host_id = models.CharField(
        max_length=64, primary_key=True, validators=[RegexValidator(rf"^{sweep.HOST_ID}\Z")]
    )
    machine_id = models.CharField(max_length=64, blank=True)
    boot_id = models.CharField(max_length=64, blank=True)
    booted_at = models.DateTimeField(null=True, blank=True)
    uptime = models.FloatField(default=0, help_text="Seconds from boot to the last look.")
    last_look_at = models.DateTimeField()
    last_sweep_at = models.DateTimeField(null=True, blank=True)
    last_alive_at = models.DateTimeField(null=True, blank=True)
    sweep_interval = models.FloatField(default=0, help_text="Seconds; 0 when no sweep is planned.")
    verdict = models.CharField(max_length=8, choices=choices(sweep.Verdict))
    reason = models.TextField(blank=True)
    owners_seen = models.CharField(max_length=4, choices=choices(sweep.OwnersSeen))
    owners_reason = models.TextField(blank=True)
    source = models.CharField(max_length=16, blank=True)
    tool_version = models.CharField(max_length=64, blank=True)
    duration = models.FloatField(default=0, help_text="Seconds that the last look took.")
    digest = models.CharField(max_length=32, blank=True)
    unsettled = models.CharField(
        max_length=11,
        blank=True,
        help_text="What a partial look, or a recent boot, left open for the rows not seen since.",
    )
    # The stretch of coverage that is still open; its row is written when it ends.
    watched_since = models.DateTimeField(null=True, blank=True)
    watched_until = models.DateTimeField(null=True, blank=True)
    sweeps = models.PositiveIntegerField(default=0, help_text="Believed sweeps since then.")
    refused_at = models.DateTimeField(null=True, blank=True)
    refused_reason = models.TextField(blank=True)
    # The one thing here that people say. See collector/retirement.py.
    retired_at = models.DateTimeField(null=True, blank=True, help_text="Until it is seen again.")

    class Meta:
        ordering = ["host_id"]
        constraints = [
            models.CheckConstraint(
                condition=~Q(host_id__in=["", "*"]),
                name="%(app_label)s_%(class)s_id_names_one_host",
                violation_error_message="A host needs a name of its own.",
            ),
            models.CheckConstraint(
                condition=Q(verdict__in=list(sweep.Verdict)),
                name="%(app_label)s_%(class)s_verdict_valid",
            ),
            models.CheckConstraint(
                condition=Q(owners_seen__in=list(sweep.OwnersSeen)),
                name="%(app_label)s_%(class)s_owners_seen_valid",
            ),
        ]

    def __str__(self) -> str:
        return self.host_id


class PortRuntime(models.Model):
    """
    One port on one host, as last observed.

    The row outlives the socket: a port that disappeared keeps its history.
    (host_id, protocol, port) is the natural key that others join on. While the port is
    active, its `last_seen_at` is only the last time something about it changed; the
    host's `last_sweep_at` carries the rest.
    """

    class State(models.TextChoices):
        ACTIVE = "active"
        DISAPPEARED = "disappeared"

    host = models.ForeignKey(Host, models.PROTECT, related_name="ports")
    protocol = models.CharField(max_length=3, choices=choices(sweep.Protocol))
    port = models.PositiveIntegerField()

    current_state = models.CharField(max_length=11, choices=State, default=State.ACTIVE)
    first_seen_at = models.DateTimeField()
    last_seen_at = models.DateTimeField()
    last_disappeared_at = models.DateTimeField(null=True, blank=True)
    active_since = models.DateTimeField(null=True, blank=True)

    # Its last observed transitions, newest first. The fourth decides flapping by one comparison.
    transition_1_at = models.DateTimeField(null=True, blank=True)
    transition_2_at = models.DateTimeField(null=True, blank=True)
    transition_3_at = models.DateTimeField(null=True, blank=True)
    transition_4_at = models.DateTimeField(null=True, blank=True)

    endpoints = models.JSONField(default=list, blank=True)
    scope = models.CharField(max_length=8, choices=choices(sweep.Scope))
    backlog = models.PositiveBigIntegerField(default=0)  # ss prints 32 bits without a sign
    backlog_limit = models.PositiveBigIntegerField(default=0)
    is_client = models.BooleanField(default=False)

    owner_state = models.CharField(max_length=13, choices=choices(sweep.OwnerState))
    current_pid = models.PositiveBigIntegerField(null=True, blank=True)
    pids = models.JSONField(default=list, blank=True)
    process_name = models.CharField(max_length=255, blank=True)
    cmdline = models.TextField(blank=True)
    exe = models.TextField(blank=True)
    exe_is_deleted = models.BooleanField(default=False)
    process_started_at = models.DateTimeField(null=True, blank=True)
    user = models.CharField(max_length=255, blank=True)
    role = models.CharField(
        max_length=11, choices=choices(sweep.Role), default=sweep.Role.SERVER.value
    )
    unit = models.CharField(max_length=255, blank=True)
    socket_unit = models.CharField(max_length=255, blank=True)
    container = models.CharField(max_length=255, blank=True)
    container_name = models.CharField(max_length=255, blank=True)
    image = models.CharField(max_length=255, blank=True)
    compose_service = models.CharField(max_length=255, blank=True)
    ancestors = models.JSONField(default=list, blank=True)  # of its process, the parent first
    well_known = models.CharField(
        max_length=64, blank=True, help_text="What the host's /etc/services calls the port."
    )

    class Meta:
        ordering = ["host", "port", "protocol"]
        verbose_name = "port"
        indexes = [
            models.Index(
                fields=["transition_4_at"],
                condition=Q(transition_4_at__isnull=False),
                name="collector_port_restless",
            ),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["host", "protocol", "port"], name="%(app_label)s_%(class)s_unique_key"
            ),
            models.CheckConstraint(
                condition=Q(port__range=(1, 65535)),
                name="%(app_label)s_%(class)s_port_in_range",
                violation_error_message="A port is a number from 1 to 65535.",
            ),
            models.CheckConstraint(
                condition=Q(protocol__in=list(sweep.Protocol)),
                name="%(app_label)s_%(class)s_protocol_valid",
            ),
            models.CheckConstraint(
                condition=Q(scope__in=list(sweep.Scope)),
                name="%(app_label)s_%(class)s_scope_valid",
            ),
            models.CheckConstraint(
                condition=Q(owner_state__in=list(sweep.OwnerState)),
                name="%(app_label)s_%(class)s_owner_state_valid",
            ),
            models.CheckConstraint(
                condition=Q(role__in=list(sweep.Role)),
                name="%(app_label)s_%(class)s_role_valid",
            ),
            models.CheckConstraint(
                condition=Q(last_seen_at__gte=F("first_seen_at")),
                name="%(app_label)s_%(class)s_seen_in_order",
            ),
            models.CheckConstraint(
                condition=(
                    Q(current_state="active", active_since__isnull=False)
                    | Q(current_state="disappeared", last_disappeared_at__isnull=False)
                ),
                name="%(app_label)s_%(class)s_state_has_its_time",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.port}/{self.protocol} on {self.host_id}"

    @property
    def key(self) -> tuple[str, int]:
        return self.protocol, self.port

    @property
    def is_active(self) -> bool:
        return self.current_state == self.State.ACTIVE


# Spelled out: SQLite recognises a partial index by `= or =` with parameters, not by `in`.
TRANSITION = Q(event_type="appeared") | Q(event_type="disappeared")


class PortEventQuerySet(models.QuerySet):
    def transitions(self):
        """Return the events by which ports came and went, by an index of their own."""
        return self.filter(TRANSITION)


class PortEvent(models.Model):
    """An append-only line of history: what was seen to happen to a port, and when."""

    class Type(models.TextChoices):
        APPEARED = "appeared"
        ALIVE = "alive"
        DISAPPEARED = "disappeared"
        REBOUND = "rebound"  # the same port, a new socket or a new owner

    class Cause(models.TextChoices):
        OBSERVED = "observed"
        FIRST_SWEEP = "first_sweep", "first sweep of this host"
        GAP = "gap", "after a gap in which nobody looked"
        BOOT = "boot", "after a reboot"

    port_runtime = models.ForeignKey(PortRuntime, models.CASCADE, related_name="events")
    event_type = models.CharField(max_length=11, choices=Type)
    timestamp = models.DateTimeField()
    pid = models.PositiveBigIntegerField(null=True, blank=True)
    cause = models.CharField(max_length=11, choices=Cause, default=Cause.OBSERVED)
    changes = models.JSONField(
        default=dict, blank=True, help_text="What changed: field to [old, new]."
    )

    objects = PortEventQuerySet.as_manager()

    class Meta:
        ordering = ["-timestamp", "-pk"]
        indexes = [
            models.Index(fields=["port_runtime", "-timestamp"], name="collector_event_timeline"),
            models.Index(fields=["-timestamp"], name="collector_event_newest"),
            models.Index(
                fields=["port_runtime", "timestamp"],
                condition=TRANSITION,
                name="collector_event_transition",
            ),
        ]
        constraints = [
            models.CheckConstraint(
                condition=Q(event_type__in=["appeared", "alive", "disappeared", "rebound"]),
                name="%(app_label)s_%(class)s_type_valid",
            ),
            models.CheckConstraint(
                condition=Q(cause__in=["observed", "first_sweep", "gap", "boot"]),
                name="%(app_label)s_%(class)s_cause_valid",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.event_type} {self.timestamp:%F %T}"

    @property
    def is_takeover(self) -> bool:
        """
        Whether another program has the port than had it last.

        Be it that it took over at once (`rebound`), or after a while without any (`appeared`).
        """
        return "program" in self.changes


class Coverage(models.Model):
    """
    An unbroken stretch in which a host was watched, within one boot.

    What lies between two stretches is unknown, never "down". A row says when its stretch began
    and what failed in it; how far the open one reaches stands on its host, see `until`.
    """

    host = models.ForeignKey(Host, models.PROTECT, related_name="coverage")
    boot_id = models.CharField(max_length=64, blank=True)
    started_at = models.DateTimeField()
    ended_at = models.DateTimeField()
    sweeps = models.PositiveIntegerField(default=1)
    failures = models.PositiveIntegerField(default=0, help_text="Looks that were not complete.")
    last_failure = models.TextField(blank=True, help_text="What was wrong with the last of them.")

    class Meta:
        ordering = ["-started_at"]
        verbose_name_plural = "coverage"
        indexes = [models.Index(fields=["host", "-started_at"], name="collector_coverage_newest")]
        constraints = [
            models.CheckConstraint(
                condition=Q(ended_at__gte=F("started_at")),
                name="%(app_label)s_%(class)s_in_order",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.host_id} {self.started_at:%F %T} to {self.ended_at:%F %T}"

    @property
    def is_open(self) -> bool:
        """Whether the host is still being watched in this stretch."""
        host = self.host
        return (self.started_at, self.boot_id) == (host.watched_since, host.boot_id)

    @property
    def until(self) -> datetime:
        """When the stretch ended, or was last extended."""
        return self.host.watched_until if self.is_open else self.ended_at

    @property
    def looks(self) -> int:
        """How many sweeps of the stretch were believed."""
        return self.host.sweeps if self.is_open else self.sweeps


class HostEvent(models.Model):
    """An append-only line of a host's history: what happened to all its ports at once."""

    class Type(models.TextChoices):
        REBOOTED = "rebooted"
        UNWATCHED = "unwatched", "not watched for a while"
        CLOCK_SET_BACK = "clock_set_back", "clock set back"
        SURGE = "surge", "many ports at once"

    host = models.ForeignKey(Host, models.PROTECT, related_name="events")
    event_type = models.CharField(max_length=14, choices=Type)
    timestamp = models.DateTimeField()
    detail = models.TextField(blank=True)

    class Meta:
        ordering = ["-timestamp", "-pk"]
        indexes = [models.Index(fields=["host", "-timestamp"], name="collector_host_timeline")]
        constraints = [
            models.CheckConstraint(
                condition=Q(event_type__in=["rebooted", "unwatched", "clock_set_back", "surge"]),
                name="%(app_label)s_%(class)s_type_valid",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.host_id} {self.event_type} {self.timestamp:%F %T}"
