"""Ways out: each module sends a parcel to a target, and raises FailedError where it can't."""

from dataclasses import dataclass, field
from datetime import datetime
from importlib import import_module
from typing import Any

SECONDS = 10  # in which a receiver has to answer


class FailedError(Exception):
    """
    It did not arrive. The text is for the log: it tells no secret, nor the path of a URL.

    `is_final` says that another attempt would end the same.
    """

    def __init__(self, text: str, *, is_final: bool = False) -> None:
        super().__init__(text)
        self.is_final = is_final


@dataclass(frozen=True, slots=True)
class Target:
    """Where to send, and with what secret."""

    kind: str
    address: str
    secret: str = field(repr=False)
    priority: int = 3
    tags: tuple[str, ...] = ()
    allow_private: bool = False


@dataclass(frozen=True, slots=True)
class Parcel:
    """What to send. The key is the same at each attempt."""

    key: str
    subject: str
    text: str
    document: dict[str, Any]


def send(target: Target, parcel: Parcel, at: datetime) -> None:
    """Send a parcel, dated now. Raises FailedError."""
    # Only what is used is loaded: an idle worker needs neither TLS nor SMTP.
    channel = import_module(f"portatlas.notifications.channels.{target.kind}")
    channel.send(target, parcel, at)
