"""What names the state of all facts and notes, read in one statement."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from hashlib import blake2b
from typing import Self

from django.db.models import Subquery

from collector.models import Host, PortEvent
from notes.models import PortNote


@dataclass(frozen=True)
class Scene:
    """All hosts, and the numbers of the last event and of the last change of a note."""

    hosts: Sequence[Host]
    last_event: int
    last_note: int

    @classmethod
    def read(cls) -> Self:
        newest = PortEvent.objects.order_by("-pk").values("pk")[:1]
        last = PortNote.history.order_by("-history_id").values("history_id")[:1]
        hosts = list(Host.objects.annotate(last_event=Subquery(newest), last_note=Subquery(last)))
        first = hosts[0] if hosts else None
        return cls(hosts, (first and first.last_event) or 0, (first and first.last_note) or 0)

    @cached_property
    def name(self) -> str:
        """
        What differs when a port may be in another state, but for what the clock decides.

        A host whose last look left something open has no digest; so each look at it counts.
        """
        told = [
            (host.pk, host.digest, host.unsettled, host.watched_since, host.verdict)
            + (() if host.digest else (host.last_look_at,))
            for host in self.hosts
        ]
        whole = repr((told, self.last_event, self.last_note))
        return blake2b(whole.encode(), digest_size=16).hexdigest()
