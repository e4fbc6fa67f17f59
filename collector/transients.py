"""
The journal of what came and went between two looks: a line for each socket, as the kernel told it.

A client's socket on a port that it did not choose is not worth a line.
"""

from collections.abc import Sequence

from collector import bulk
from collector.machine import EPHEMERAL
from collector.models import Transient
from collector.news import SocketNews
from collector.sweep import Protocol, Sweep
from collector.timekeeping import patience

MOST = 1_000  # lines of a host, the newest


def lives(sweep: Sweep) -> list[SocketNews]:
    """
    Return the sockets of which a sweep tells a beginning and an end, if both can be true.

    They have ended lately, and not before they began. Whether their ports are held by others is
    not considered. At most as many as a journal has lines, the last ones.
    """
    since = sweep.taken_at - patience(sweep.interval)
    found = [
        each
        for each in sweep.news.sockets
        if each.opened_at
        and each.closed_at
        and each.opened_at <= each.closed_at
        and since < each.closed_at <= sweep.taken_at
        and not _is_client(each)
    ]
    return found[-MOST:]


def record(host_id: str, found: Sequence[SocketNews]) -> None:
    """Add lines to the journal of a host, and drop the oldest beyond its bound."""
    if not found:
        return
    bulk.insert(
        [
            Transient(
                host_id=host_id,
                protocol=each.protocol,
                port=each.port,
                address=each.address,
                pid=each.pid,
                process_name=each.process_name,
                opened_at=each.opened_at,
                closed_at=each.closed_at,
            )
            for each in found
        ]
    )
    journal = Transient.objects.filter(host=host_id)
    first_dropped = journal.order_by("-pk").values("pk")[MOST : MOST + 1]
    journal.filter(pk__lte=first_dropped).order_by().delete()


def _is_client(each: SocketNews) -> bool:
    return each.protocol == Protocol.UDP and each.port in EPHEMERAL
