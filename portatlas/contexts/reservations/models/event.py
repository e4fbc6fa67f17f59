"""What became of reservations, line by line."""

from django.db import models
from django.db.models import Q

from portatlas.contexts.reservations import values
from portatlas.contexts.reservations.models.port import Port
from portatlas.contexts.reservations.querysets import AppendOnlyError, HistoryQuerySet


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
            models.Index(fields=["project", "-at"], name="reservations_history_project"),
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
