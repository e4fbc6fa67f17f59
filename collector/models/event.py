"""What was seen to happen to a port."""

from django.db import models
from django.db.models import Q

from collector.models.port import PortRuntime

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
