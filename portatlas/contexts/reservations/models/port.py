"""What a reservation, and a line of their history, is about: a port of a host."""

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models

from portatlas.contexts.reservations import values


class Protocol(models.TextChoices):
    TCP = "tcp", "tcp"
    UDP = "udp", "udp"


class Port(models.Model):
    """What all of this is about: a port of a host, or of every host."""

    host_id = models.CharField(
        "host", max_length=64, validators=[values.host_name], help_text="* for every host."
    )
    protocol = models.CharField(max_length=3, choices=Protocol, default=Protocol.TCP)
    port = models.PositiveIntegerField(
        validators=[MinValueValidator(1), MaxValueValidator(65535)],
    )

    class Meta:
        abstract = True

    @property
    def key(self) -> tuple[str, str, int]:
        return self.host_id, self.protocol, self.port
