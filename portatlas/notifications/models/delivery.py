"""What became of a message."""

import uuid

from django.db import models
from django.db.models import Q

from portatlas.notifications.models.channel import Channel
from portatlas.notifications.models.rule import Rule


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
    remarks = models.TextField(blank=True)  # what else befell it, a line each
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
