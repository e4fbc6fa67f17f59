"""A stretch in which a host was watched."""

from datetime import datetime

from django.db import models
from django.db.models import F, Q

from collector.models.host import Host


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
