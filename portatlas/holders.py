"""Who held ports at some time: today's holders, with what was changed since then undone."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import NamedTuple, Self

from django.db.models import OuterRef, Subquery

from collector.models import PortEvent
from collector.sweep import OwnerState
from portatlas import happenings
from portatlas.happenings import Boots, Happening, Happenings
from portatlas.models import Port

DELETED = "What happened to the port at that time has been deleted since."
NOT_SEEN_YET = "The port had not been seen yet."
TOO_MUCH = (
    f"More than {happenings.MOST_EVENTS:,} things happened to the port since: it is not told "
    "who had it."
)
TOO_MUCH_OF_ALL = (
    f"More than {happenings.MOST_OF_ALL:,} things happened to the ports of this page since: "
    "who had this one is told if fewer are asked for."
)


class Holder(NamedTuple):
    """
    Who held a port, and from where it could be reached.

    Text that processes chose, the PID if it is known of that time, and what was known of the
    owner at all, None if that isn't told.
    """

    process_name: str
    cmdline: str
    exe: str
    user: str
    unit: str
    container: str
    container_name: str
    image: str
    current_pid: int | None
    owner_state: str | None
    scope: str

    @classmethod
    def of(cls, port: Port) -> Self:
        return cls(*(getattr(port, name) for name in cls._fields))


class Manner(NamedTuple):
    """What of a holder decides how a port stood."""

    owner_state: str | None
    scope: str


class Seen(NamedTuple):
    """What the last event of a port by a moment said, `alive` among them."""

    at: datetime | None = None
    pid: int | None = None


def holders(
    ports: Sequence[Port], moment: datetime, kept_since: datetime, happened: Happenings
) -> dict[int, tuple[Holder | None, str]]:
    """
    Return who held each port, or None and why that can't be told, by primary key.

    In one query, however many ports. Of events before `kept_since` some may be deleted.
    """
    seen = _seen(ports, moment)
    found: dict[int, tuple[Holder | None, str]] = {}
    for port in ports:
        newer = happened.since.of(port.pk)
        if reason := untold(port, moment, kept_since, happened):
            found[port.pk] = None, reason
            continue
        holder = undone(Holder.of(port), newer)
        boots = happened.boots.get(port.host_id, Boots())
        next_at = newer[0].timestamp if newer else None
        pid = _pid(holder, seen.get(port.pk, Seen()), boots, next_at)
        found[port.pk] = holder._replace(current_pid=pid), ""
    return found


def untold(port: Port, moment: datetime, kept_since: datetime, happened: Happenings) -> str:
    """Say why it can't be told who held a port, "" if it can."""
    if moment < port.first_seen_at:
        return NOT_SEEN_YET
    if moment < kept_since and port.first_seen_at < kept_since:
        return DELETED
    if len(happened.since.of(port.pk)) > happenings.MOST_EVENTS:
        return TOO_MUCH
    return "" if happened.since.is_whole(port.pk) else TOO_MUCH_OF_ALL


def undone(held: Holder | Manner, newer: Sequence[Happening]) -> Holder | Manner:
    """Return who held a port before all of this happened to it."""
    for happening in reversed(newer):
        changes = happening.changes
        was = {name: changes[name][0] for name in held._fields if name in changes}
        if "process_name" in changes and "owner_state" not in changes:
            # Recorded before the state was: who has a name is known, of others it isn't told.
            was["owner_state"] = OwnerState.KNOWN.value if changes["process_name"][0] else None
        held = held._replace(**was)
    return held


def _seen(ports: Iterable[Port], moment: datetime) -> dict[int, Seen]:
    last = PortEvent.objects.filter(port_runtime=OuterRef("pk"), timestamp__lte=moment)
    rows = Port.objects.filter(pk__in=[port.pk for port in ports]).order_by()
    found = rows.values_list(
        "pk", Subquery(last.values("timestamp")[:1]), Subquery(last.values("pid")[:1])
    )
    return {pk: Seen(*row) for pk, *row in found}


def _pid(holder: Holder, seen: Seen, boots: Boots, next_at: datetime | None) -> int | None:
    """
    Return the PID as of a moment: what the last event by then said.

    Unless the host rebooted in between, for a port is resumed without an event. Then it is
    what the next event undoes, or today's, if no other reboot comes before that.
    """
    if seen.at and (boots.last is None or seen.at >= boots.last):
        return seen.pid
    if boots.next is None or (next_at and next_at <= boots.next):
        return holder.current_pid
    return None
