"""The atlas: facts joined with memory. No table of its own."""

from collections import Counter
from datetime import datetime, timedelta

from django.db import models
from django.db.models import Count, Q
from django.db.models.functions import Coalesce

from collector.models import PortEvent, PortRuntime
from collector.sweep import Endpoint, Family, Role
from notes.models import PortNote
from portatlas import states
from portatlas.clients import counts_as_client
from portatlas.softjoin import SoftJoin

KEY = ("host_id", "protocol", "port")
SEE_PORTS = ("portatlas.view_port", "notes.view_portnote")  # a port shows its note
MOST_WORDS = 10  # of a search
BOOT = PortEvent.Cause.BOOT

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
    "socket_unit",
    "container",
    "container_name",
    "image",
    "compose_service",
    "well_known",
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
            .annotate(counts_as_client=counts_as_client())
            .select_related("note", "host")
            .order_by("severity", "port", "protocol", "host_id")
        )

    def clients(self):
        """Keep what is taken for a client socket when read: neither noted nor staying."""
        return self.alias(as_client=counts_as_client()).filter(as_client=True)

    def without_clients(self):
        return self.alias(as_client=counts_as_client()).filter(as_client=False)

    def awaited(self):
        """Keep what listened before its host's last boot and has not been seen since (N62)."""
        return self.without_clients().filter(
            host__unsettled=BOOT,
            current_state="active",
            # Not the start of coverage alone: a gap begins another stretch of the same boot.
            last_seen_at__lt=Coalesce("host__booted_at", "host__watched_since"),
        )

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
    def is_awaited(self) -> bool:
        """Whether it was not seen since its host's last boot; `awaited()` counts no clients."""
        since = self.host.booted_at or self.host.watched_since
        is_booting = self.is_active and self.host.unsettled == BOOT
        return is_booting and since is not None and self.last_seen_at < since

    @property
    def seen_at(self) -> datetime:
        """When it was last seen: an active port, whenever its host was last swept."""
        swept = self.host.last_sweep_at
        if swept and self.is_active and not self.is_awaited:
            return max(self.last_seen_at, swept)
        return self.last_seen_at

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
    def ends(self) -> list[Endpoint]:
        """Its endpoints: every socket that is bound to it."""
        return [Endpoint(**end) for end in self.endpoints]

    @property
    def programs(self) -> list[str]:
        """The programs that hold its sockets, each once."""
        return list(dict.fromkeys(end.process_name for end in self.ends if end.process_name))

    @property
    def is_split(self) -> bool:
        """
        Whether who answers depends on the address (N41, N42).

        Either the programs differ, or IPv4 and IPv6 are held by processes that share no
        socket. A container engine starts one proxy for each of them on purpose.
        """
        if len(self.programs) > 1:
            return True
        by_v4, by_v6 = (
            {end.pid for end in self.ends if end.pid and end.family in {family, Family.DUAL}}
            for family in (Family.V4, Family.V6)
        )
        return self.role != Role.PROXY and bool(by_v4 and by_v6) and by_v4.isdisjoint(by_v6)

    @property
    def is_crowded(self) -> bool:
        """Whether more than half of the accept queue is taken."""
        return self.is_active and any(end.is_crowded for end in self.ends)

    @property
    def uptime(self) -> timedelta | None:
        """How long it has been seen to listen without a break, None when it is not seen now."""
        is_up = self.is_active and not self.is_awaited
        return self.seen_at - self.active_since if is_up else None


class Memory(PortNote):
    """A note that can see the runtime fact it is about."""

    runtime = SoftJoin("collector.PortRuntime", on=KEY)

    class Meta:
        proxy = True
        default_permissions = ("view",)
        verbose_name_plural = "memories"
