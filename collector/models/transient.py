"""What came and went between two looks."""

from datetime import timedelta

from django.db import models
from django.db.models import F, Q

from collector import sweep
from collector.models.choices import choices
from collector.models.host import Host


class Transient(models.Model):
    """
    A socket that held a port for a while, and that no look saw: no port, but a line of a journal.

    In the order in which they were told. Of each host the newest are kept, see transients.py.
    """

    # The index below is all that is needed of one.
    host = models.ForeignKey(Host, models.PROTECT, related_name="transients", db_index=False)
    protocol = models.CharField(max_length=3, choices=choices(sweep.Protocol))
    port = models.PositiveIntegerField()
    address = models.CharField(max_length=64)
    pid = models.PositiveBigIntegerField(null=True, blank=True, help_text="Who opened it.")
    process_name = models.CharField(max_length=255, blank=True)
    opened_at = models.DateTimeField()
    closed_at = models.DateTimeField()

    class Meta:
        ordering = ["-pk"]
        indexes = [models.Index(fields=["host", "-id"], name="collector_transient_newest")]
        constraints = [
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
                condition=Q(closed_at__gte=F("opened_at")),
                name="%(app_label)s_%(class)s_in_order",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.port}/{self.protocol} on {self.host_id}, closed {self.closed_at:%F %T}"

    @property
    def key(self) -> tuple[str, int]:
        return self.protocol, self.port

    @property
    def lasted(self) -> timedelta:
        """How long it was open."""
        return self.closed_at - self.opened_at
