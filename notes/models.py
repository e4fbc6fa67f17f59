"""Memory: what people know about a port. Nothing here depends on the port being there."""

from datetime import date

from django.conf import settings
from django.core.validators import MaxValueValidator, MinValueValidator, RegexValidator
from django.db import models
from django.db.models import Q
from simple_history.models import HistoricalRecords

from notes import tags

EVERY_HOST = "*"
LONGEST = 20_000  # characters of a description

host_name = RegexValidator(
    r"^([A-Za-z0-9][A-Za-z0-9._:-]*|\*)\Z",
    "A host's name has letters, digits and . _ : - and begins with a letter or a digit; "
    "* stands for every host.",
)


def where(host_id: str) -> str:
    """Say about which host a note is, in a sentence."""
    return "every host" if host_id == EVERY_HOST else host_id


def named(key: tuple[str, str, int]) -> str:
    """
    Name a port in a sentence, by its host, protocol and number.

    >>> named(("atlas", "tcp", 80)), named((EVERY_HOST, "udp", 53))
    ('80/tcp on atlas', '53/udp on every host')
    """
    host_id, protocol, port = key
    return f"{port}/{protocol} on {where(host_id)}"


class PortNote(models.Model):
    """
    What people know about one port of one host.

    (host_id, protocol, port) is the natural key by which others join; there is no foreign
    key, so that the note outlives whatever was observed. A note of `EVERY_HOST` speaks for
    the port on each host that has no note of its own. Written through `notes.services`, which
    count its `version`, so that of two people on one note the second is told.
    """

    class Protocol(models.TextChoices):
        TCP = "tcp", "tcp"
        UDP = "udp", "udp"

    class ServiceType(models.TextChoices):
        WEB = "web"
        API = "api", "API"
        DB = "db", "database"
        CACHE = "cache"
        QUEUE = "queue"
        PROXY = "proxy"
        TUNNEL = "tunnel"
        REMOTE = "remote", "remote access"
        DNS = "dns", "DNS"
        MAIL = "mail"
        FILES = "files"
        MONITORING = "monitoring"
        SYSTEM = "system"
        TEST = "test"
        OTHER = "other"
        UNKNOWN = "unknown"

    class RiskLevel(models.TextChoices):
        TRUSTED = "trusted"
        EXPECTED = "expected"
        SUSPICIOUS = "suspicious"

    class ExpectedScope(models.TextChoices):
        LOOPBACK = "loopback", "this machine only"
        LINK = "link", "the same link at most"
        PRIVATE = "private", "private networks at most"
        ANY = "any", "anywhere"

    host_id = models.CharField(
        "host", max_length=64, validators=[host_name], help_text="* for every host."
    )
    protocol = models.CharField(max_length=3, choices=Protocol, default=Protocol.TCP)
    port = models.PositiveIntegerField(
        db_index=True,  # its history, which has no natural key, is asked by it
        validators=[MinValueValidator(1), MaxValueValidator(65535)],
    )

    title = models.CharField(
        max_length=200, blank=True, help_text="What it is. Empty: what is seen there names it."
    )
    description = models.TextField(
        blank=True, max_length=LONGEST, help_text="Markdown: what one has to know of it."
    )
    owner = models.CharField(max_length=100, blank=True, help_text="Who to ask about it.")
    service_type = models.CharField(max_length=10, choices=ServiceType, default=ServiceType.UNKNOWN)
    risk_level = models.CharField(max_length=10, choices=RiskLevel, default=RiskLevel.EXPECTED)
    tags = models.JSONField(default=list, blank=True, validators=[tags.validate])
    expected_scope = models.CharField(
        max_length=8,
        choices=ExpectedScope,
        blank=True,
        help_text="Where it may listen. Wider than this is suspicious; empty allows all.",
    )
    review_by = models.DateField(
        null=True, blank=True, help_text="Knowledge ages: when somebody should look again."
    )

    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, editable=False, related_name="+"
    )
    updated_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, editable=False, related_name="+"
    )

    version = models.PositiveIntegerField(default=1, editable=False)
    history = HistoricalRecords(
        excluded_fields=["version", "created_at", "created_by", "updated_at", "updated_by"]
    )

    class Meta:
        ordering = ["host_id", "port", "protocol"]
        verbose_name = "note"
        indexes = [
            models.Index(
                fields=["review_by"],
                condition=Q(review_by__isnull=False),
                name="notes_note_to_review",
            ),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["host_id", "protocol", "port"],
                name="%(app_label)s_%(class)s_unique_key",
                violation_error_message="There is already a note about this port of this host.",
            ),
            models.CheckConstraint(
                condition=~Q(host_id=""),
                name="%(app_label)s_%(class)s_host_is_said",
                violation_error_message="A note is about one host, or * for every host: say which.",
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
                condition=Q(risk_level__in=["trusted", "expected", "suspicious"]),
                name="%(app_label)s_%(class)s_risk_level_valid",
            ),
            models.CheckConstraint(
                condition=Q(expected_scope__in=["", "loopback", "link", "private", "any"]),
                name="%(app_label)s_%(class)s_expected_scope_valid",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.title or 'Untitled'} ({named(self.key)})"

    @property
    def speaks_for_every_host(self) -> bool:
        return self.host_id == EVERY_HOST

    @property
    def key(self) -> tuple[str, str, int]:
        return self.host_id, self.protocol, self.port

    def is_stale(self, today: date) -> bool:
        """Whether the day has come on which somebody should have looked again."""
        return self.review_by is not None and self.review_by < today

    @property
    def _history_user(self):
        """Who changed it, for its history: whoever the services say, not whoever asks a page."""
        return self.updated_by
