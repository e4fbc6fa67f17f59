"""A machine, and what happened to all its ports at once."""

from django.core.validators import RegexValidator
from django.db import models
from django.db.models import Q

from collector import sweep
from collector.models.choices import choices


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
    event_source = models.CharField(
        max_length=16,
        blank=True,
        choices=choices(sweep.EventSource),
        help_text="What tells of ports between two looks, if anything does.",
    )
    event_source_reason = models.TextField(blank=True, help_text="Why nothing does.")
    tool_version = models.CharField(max_length=64, blank=True)
    duration = models.FloatField(default=0, help_text="Seconds that the last look took.")
    clock_ahead = models.FloatField(
        default=0,
        help_text="Seconds by which its last look is dated ahead of the hub's clock.",
    )
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
            models.CheckConstraint(
                condition=Q(event_source__in=list(sweep.EventSource)),
                name="%(app_label)s_%(class)s_event_source_valid",
            ),
        ]

    def __str__(self) -> str:
        return self.host_id


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
