"""
"It moved from 8080 to 8081": where the program of a port that is gone listens now.

A program that was told to use another port leaves a ghost with a note behind, and appears as
something that nobody has explained. Told together, the note needs only to be moved.
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from datetime import timedelta

from django.db.models import Q

from collector.sweep import Role
from portatlas.models import Port
from portatlas.scripts import is_interpreter
from portatlas.states import UNEXPLAINED
from portatlas.suggestions import named_after

MOST = 500  # candidates; of more than that, the newest
NUMBER = re.compile(r"\d+")
BESIDE = timedelta(days=1)  # for so long a service that moves may listen on both ports
# What moved_to() looks at, and whoever tells where a program has gone.
TOLD = (
    *("host", "protocol", "port", "current_state", "active_since", "last_seen_at"),
    *("cmdline", "process_name", "role", "owner_state", "well_known", "scope"),
    *("unit", "socket_unit", "container_name", "image", "compose_service", "exe"),
)
NOTE = Port._meta.get_field("note")
EVIDENCE = ("unit", "socket_unit", "container_name", "compose_service", "exe")


def candidates(gone: Iterable[Port]) -> list[Port]:
    """
    Return the ports to which some that are gone may have moved, the newest first.

    One query at most for whatever has a piece of evidence in common with one of them; moved_to()
    looks closer.
    """
    gone = [port for port in gone if port.last_disappeared_at]
    if not gone:
        return []
    alike = Q(pk__in=[])
    for name in EVIDENCE:
        alike |= Q(**{f"{name}__in": {getattr(port, name) for port in gone} - {""}})
    unexplained = Port.objects.filter(
        # By host and rank an index finds what listens without a note: what is left to triage.
        standing__host_id__in={port.host_id for port in gone},
        standing__rank__in=UNEXPLAINED,
        standing__since__gte=min(port.last_disappeared_at for port in gone) - BESIDE,
    )
    found = list(unexplained.filter(alike).only(*TOLD).order_by("-active_since", "pk")[:MOST])
    for port in found:  # the rank says so: to join the notes would cost more than all the rest
        NOTE.set_cached_value(port, None)
    return found


def moved_to(gone: Iterable[Port], candidates: Iterable[Port]) -> dict[int, Port]:
    """
    Return where the programs of ports that are gone listen now, by the gone port's pk.

    A candidate is active, has no note, is on the same host and protocol, and did not listen
    beside the other for more than a day: then they are two ports of one service. The strongest
    evidence decides, then how near in time it appeared to when the other vanished, then how
    near its number is. Each moves to one place, and no two to the same. Makes no query where
    the notes of the candidates are known, as those of candidates() are.
    """
    alike = defaultdict(list)
    for new in candidates:
        if new.is_active and new.note is None:
            for proof in _proofs(new):
                alike[proof].append(new)
    if not alike:
        return {}
    pairs = [
        ((proof[0], apart, abs(new.port - old.port), new.port), old, new)
        for old in gone
        for proof in _proofs(old)
        for new in alike[proof]
        if (apart := _apart(old, new)) is not None
    ]
    moves: dict[int, Port] = {}
    taken: set[int] = set()
    for _, old, new in sorted(pairs, key=lambda pair: pair[0]):
        if old.pk not in moves and new.pk not in taken:
            moves[old.pk] = new
            taken.add(new.pk)
    return moves


def _proofs(port: Port) -> Iterator[tuple]:
    """Yield what two ports of the same program have in common, the strongest first."""
    where = (port.host_id, port.protocol)
    if named_after(port):  # cron.service has run many programs
        yield 1, *where, port.unit or port.socket_unit
    if port.container_name:
        yield 2, *where, port.container_name
    if port.compose_service and port.image:
        yield 3, *where, port.compose_service, port.image
    if not port.exe or port.role == Role.SOCKET_UNIT:  # the executable is systemd's
        return
    if port.cmdline:
        # The number is what a move changes: `http.server 8080` is `http.server 8081` now.
        number = str(port.port)
        line = NUMBER.sub(lambda digits: "#" if digits[0] == number else digits[0], port.cmdline)
        yield 4, *where, port.exe, line
    # Any script is run by Python, and any container's port held by docker-proxy. Elsewhere the
    # same file is the same program only within the same unit or container, if it has one.
    if port.role == Role.SERVER and not is_interpreter(port.exe.rpartition("/")[2]):
        yield 5, *where, port.exe, port.unit, port.container_name


def _apart(old: Port, new: Port) -> timedelta | None:
    """Return the time between the end of one and the start of the other, None if unlikely."""
    if old.last_disappeared_at is None or new.active_since is None:
        return None
    after = new.active_since - old.last_disappeared_at
    return None if after < -BESIDE else abs(after)
