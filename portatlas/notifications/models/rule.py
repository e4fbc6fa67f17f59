"""Who is told what, and what there is to tell."""

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo, available_timezones

from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, RegexValidator
from django.db import models
from django.db.models import Q
from django.utils import timezone

from collector.models import Host
from collector.sweep import HOST_ID, Scope
from notes import tags
from portatlas.models import Port
from portatlas.notifications.models.channel import Channel
from portatlas.notifications.quiet_hours import QuietHours

MOST_MINUTES = 60 * 24 * 7
up_to_a_week = [MaxValueValidator(MOST_MINUTES)]


def validate_zone(name: str) -> None:
    if name not in available_timezones():
        raise ValidationError("This is no time zone: write it like Europe/Berlin, or UTC.")


def validate_tag(tag: str) -> None:
    tags.validate([tag])


class Rule(models.Model):
    """What somebody wants to hear of, and when. How far it has been read stands in it, too."""

    class Kind(models.TextChoices):
        NEW_PORT = "new_port", "new port"
        UNNOTED = "unnoted"
        SUSPICIOUS = "suspicious"
        GHOST = "ghost"
        FLAPPING = "flapping"
        OWNER_CHANGED = "owner_changed", "owner changed"
        SILENT = "silent", "collector silent"

    name = models.CharField(max_length=60, unique=True)
    kind = models.CharField(max_length=13, choices=Kind)
    is_enabled = models.BooleanField("enabled", default=True)
    channels = models.ManyToManyField(Channel, related_name="rules", blank=True)

    host_id = models.CharField(
        "host",
        max_length=64,
        blank=True,
        validators=[RegexValidator(rf"^{HOST_ID}\Z", "This can't be the name of a host.")],
        help_text="Empty for every host.",
    )
    tag = models.CharField(
        max_length=50,
        blank=True,
        validators=[validate_tag],
        help_text="Only ports whose note has this tag.",
    )
    scope = models.CharField(
        "reach",
        max_length=8,
        blank=True,
        choices=[
            (Scope.LINK.value, "its own link, or wider"),
            (Scope.PRIVATE.value, "private networks, or wider"),
            (Scope.ANY.value, "everywhere"),
        ],
        help_text="Only ports that can be reached from there. Empty for all.",
    )

    minutes = models.PositiveIntegerField(
        "for at least",
        default=0,
        validators=up_to_a_week,
        help_text="Minutes for which it has to hold before it is told. What is over by then "
        "never is.",
    )
    digest = models.PositiveIntegerField(
        default=0,
        validators=up_to_a_week,
        help_text="Minutes for which is collected into one message.",
    )
    quiet_from = models.TimeField(
        null=True, blank=True, help_text="Nothing is told from here on; it is when they end."
    )
    quiet_until = models.TimeField(null=True, blank=True)
    time_zone = models.CharField(max_length=64, default="UTC", validators=[validate_zone])
    tells_recovery = models.BooleanField(
        "tell recovery", default=False, help_text="Say so when what was told is over."
    )

    # How far it has come. Written by watch.py alone, but for the beginning: what happened before
    # is not told.
    since = models.DateTimeField(default=timezone.now, editable=False)
    last_event = models.BigIntegerField(default=0, editable=False)
    basis = models.CharField(max_length=32, blank=True, editable=False)
    hushed_until = models.DateTimeField(null=True, editable=False)
    told_at = models.DateTimeField("last told", null=True, editable=False)

    # Whoever changes one of these begins anew.
    NARROWING = ("kind", "is_enabled", "host_id", "tag", "scope", "minutes")

    class Meta:
        ordering = ["name"]
        constraints = [
            models.CheckConstraint(
                condition=Q(
                    kind__in=[
                        "new_port",
                        "unnoted",
                        "suspicious",
                        "ghost",
                        "flapping",
                        "owner_changed",
                        "silent",
                    ]
                ),
                name="%(app_label)s_%(class)s_kind_valid",
            ),
            models.CheckConstraint(
                condition=Q(quiet_from__isnull=True, quiet_until__isnull=True)
                | Q(quiet_from__isnull=False, quiet_until__isnull=False),
                name="%(app_label)s_%(class)s_quiet_hours_whole",
                violation_error_message="Quiet hours need a beginning and an end.",
            ),
        ]

    def __str__(self) -> str:
        return self.name

    def clean(self) -> None:
        if self.quiet_from is not None and self.quiet_from == self.quiet_until:
            raise ValidationError({"quiet_until": "They end at another time than they begin."})
        if self.kind == self.Kind.SILENT and (self.tag or self.scope):
            raise ValidationError("A collector is silent for a host: it has neither tag nor reach.")
        if self.kind == self.Kind.UNNOTED and self.tag:
            raise ValidationError({"tag": "What has no note has no tags."})

    @property
    def is_about_events(self) -> bool:
        """Whether it is about what happens, rather than about how things are."""
        return self.kind in {self.Kind.NEW_PORT, self.Kind.OWNER_CHANGED}

    @property
    def hold(self) -> timedelta:
        return timedelta(minutes=self.minutes)

    def is_quiet(self, at: datetime) -> bool:
        if self.quiet_from is None or self.quiet_until is None:
            return False
        return QuietHours(self.quiet_from, self.quiet_until, ZoneInfo(self.time_zone)).hold(at)


class Matter(models.Model):
    """
    One thing that a rule has to tell, or has told: about a port, or about a host.

    `ready_at` is when it may be told at the earliest; of what is quiet, since when it has been.
    """

    class Status(models.TextChoices):
        WAITING = "waiting"  # to be told, if it still holds when it is due
        TOLD = "told"
        OVER = "over"  # told, and has recovered, which is to be told
        QUIET = "quiet"  # kept for a while so that it is not told again
        ARRIVED = "arrived"  # found by the first look at a host, and never told
        CANCELLED = "cancelled"  # was over before it was due: waits again if it is back

    rule = models.ForeignKey(Rule, models.CASCADE, related_name="matters")
    host = models.ForeignKey(Host, models.CASCADE, related_name="+")
    port = models.ForeignKey(Port, models.CASCADE, null=True, related_name="+")
    status = models.CharField(max_length=9, choices=Status)
    since = models.DateTimeField()
    ready_at = models.DateTimeField()
    event = models.BigIntegerField(default=0)  # the newest one that it is about
    before = models.TextField(blank=True)  # the program that had the port, of a change of owner
    after = models.TextField(blank=True)

    class Meta:
        default_permissions = ()
        indexes = [
            models.Index(fields=["rule", "status", "ready_at"], name="notifications_matter_due"),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["rule", "port"], name="%(app_label)s_%(class)s_one_of_a_port"
            ),
            models.UniqueConstraint(
                fields=["rule", "host"],
                condition=Q(port__isnull=True),
                name="%(app_label)s_%(class)s_one_of_a_host",
            ),
            models.CheckConstraint(
                condition=Q(
                    status__in=["waiting", "told", "over", "quiet", "arrived", "cancelled"]
                ),
                name="%(app_label)s_%(class)s_status_valid",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.rule_id}: {self.port_id or self.host_id} {self.status}"
