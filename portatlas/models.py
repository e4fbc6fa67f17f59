"""The atlas: facts joined with memory. No table of its own."""

from collections import Counter
from datetime import datetime, timedelta

from django.db import models
from django.db.models import Count, Q

from collector.models import PortRuntime
from notes.models import PortNote
from portatlas import states
from portatlas.softjoin import SoftJoin

KEY = ("host_id", "protocol", "port")
SEE_PORTS = ("portatlas.view_port", "notes.view_portnote")  # a port shows its note
MOST_WORDS = 10  # of a search

REACH = {
    "loopback": "this machine only",
    "link": "its own link",
    "private": "private networks",
    "any": "everywhere",
}

FOUND_IN = (
    "host__host_id",
    "process_name",
    "cmdline",
    "user",
    "unit",
    "container",
    "note__title",
    "note__owner",
    "note__service_type",
    "note__tags",
)


class PortQuerySet(models.QuerySet):
    def with_state(self, at: datetime):
        """Annotate each port with its `severity` at that time, from which its state follows."""
        return self.annotate(severity=states.severity(at))

    def in_state(self, *chosen: str):
        return self.filter(severity__in=states.severities(*chosen))

    def for_board(self, at: datetime):
        """Everything that one card shows, in a single query, the most urgent first."""
        return (
            self.with_state(at)
            .select_related("note", "host")
            .order_by("severity", "port", "protocol", "host_id")
        )

    def clients(self):
        """Keep the client sockets that nobody noted."""
        return self.filter(is_client=True, note__isnull=True)

    def without_clients(self):
        return self.exclude(is_client=True, note__isnull=True)

    def search(self, text: str):
        """Match a port number exactly, words anywhere; every word must be found, up to ten."""
        queryset = self
        for word in text.replace("\x00", "")[:200].split()[:MOST_WORDS]:
            found = Q()
            for name in FOUND_IN:
                found |= Q(**{f"{name}__icontains": word})
            if word.isdecimal() and len(word) <= 5:
                found |= Q(port=int(word))
            queryset = queryset.filter(found)
        return queryset

    def state_counts(self) -> Counter:
        """Count the ports of each (state, is active), in one query. Needs with_state()."""
        rows = self.order_by().values_list("severity", "current_state").annotate(n=Count("pk"))
        counts: Counter = Counter()
        for severity, current_state, n in rows:
            counts[states.BY_SEVERITY[severity].state, current_state == "active"] += n
        return counts


class Port(PortRuntime):
    """A runtime fact that can see the note about it."""

    note = SoftJoin("notes.PortNote", on=KEY)

    objects = PortQuerySet.as_manager()

    class Meta:
        proxy = True
        default_permissions = ("view",)

    @property
    def state(self) -> states.PortState:
        return states.BY_SEVERITY[self.severity].state

    @property
    def reason(self) -> str:
        return states.BY_SEVERITY[self.severity].reason

    @property
    def seen_at(self) -> datetime:
        """When it was last seen: an active port, whenever its host was last swept."""
        swept = self.host.last_sweep_at
        return max(self.last_seen_at, swept) if self.is_active and swept else self.last_seen_at

    @property
    def reach(self) -> str:
        """From where it can be reached, in words."""
        return REACH[self.scope]

    @property
    def addresses(self) -> str:
        """Every address it is bound to, each once."""
        ends = ((end["address"], end["device"]) for end in self.endpoints)
        return ", ".join(
            f"{address} on {device}" if device else address
            for address, device in dict.fromkeys(ends)
        )

    @property
    def uptime(self) -> timedelta | None:
        """How long it has been seen to listen without a break, None when it is gone."""
        return self.seen_at - self.active_since if self.is_active else None


class Memory(PortNote):
    """A note that can see the runtime fact it is about."""

    runtime = SoftJoin("collector.PortRuntime", on=KEY)

    class Meta:
        proxy = True
        default_permissions = ("view",)
        verbose_name_plural = "memories"
