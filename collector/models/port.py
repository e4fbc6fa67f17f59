"""A port, as last observed."""

from django.db import models
from django.db.models import F, Q

from collector import sweep
from collector.models.choices import choices
from collector.models.host import Host


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
