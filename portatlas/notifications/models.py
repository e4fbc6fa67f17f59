"""Who is told what, and what became of it."""

import uuid
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo, available_timezones

from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator, RegexValidator
from django.db import models
from django.db.models import Q
from django.utils import timezone

from collector.models import Host
from collector.sweep import HOST_ID, Scope
from notes import tags
from portatlas.models import Port
from portatlas.notifications.quiet_hours import QuietHours

MOST_MINUTES = 60 * 24 * 7
up_to_a_week = [MaxValueValidator(MOST_MINUTES)]


def validate_zone(name: str) -> None:
    if name not in available_timezones():
        raise ValidationError("This is no time zone: write it like Europe/Berlin, or UTC.")


def validate_tag(tag: str) -> None:
    tags.validate([tag])


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


class Delivery(models.Model):
    """
    One message on its way through one channel, and afterwards the log of it.

    Of an open one `ready_at` is when somebody may claim it: the next attempt, or the end of the
    claim of whoever has it.
    """

    class Status(models.TextChoices):
        QUEUED = "queued"
        CLAIMED = "claimed", "being sent"
        DELIVERED = "delivered"
        GIVEN_UP = "given_up", "given up"

    OPEN = (Status.QUEUED, Status.CLAIMED)

    key = models.UUIDField("idempotency key", default=uuid.uuid4, unique=True)
    rule = models.ForeignKey(Rule, models.SET_NULL, null=True, related_name="deliveries")
    channel = models.ForeignKey(Channel, models.SET_NULL, null=True, related_name="deliveries")
    rule_name = models.CharField("rule", max_length=60, blank=True)
    channel_name = models.CharField("channel", max_length=60)
    subject = models.TextField()
    body = models.TextField()
    document = models.JSONField(default=dict)
    is_test = models.BooleanField("test", default=False)

    status = models.CharField(max_length=9, choices=Status, default=Status.QUEUED)
    attempts = models.PositiveSmallIntegerField(default=0)
    last_error = models.TextField(blank=True)
    created_at = models.DateTimeField()
    ready_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True)
    claim = models.UUIDField(null=True)

    class Meta:
        ordering = ["-created_at", "-pk"]
        default_permissions = ("view",)
        verbose_name_plural = "deliveries"
        indexes = [
            models.Index(fields=["-created_at"], name="notifications_delivery_newest"),
            models.Index(
                fields=["ready_at"],
                # Spelled out: SQLite recognises a partial index by `= or =`, not by `in`.
                condition=Q(status="queued") | Q(status="claimed"),
                name="notifications_delivery_open",
            ),
        ]
        constraints = [
            models.CheckConstraint(
                condition=Q(status__in=["queued", "claimed", "delivered", "given_up"]),
                name="%(app_label)s_%(class)s_status_valid",
            ),
        ]

    def __str__(self) -> str:
        return self.subject
