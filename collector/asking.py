"""Ask for a look now, and wait for what comes of it."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime

from django.db.models import Count, Max, OuterRef, Q, QuerySet, Subquery
from django.db.models.functions import Coalesce
from kombu.exceptions import OperationalError

from collector import tasks
from collector.models import Host, PortEvent
from collector.sweep import Verdict
from collector.text import safe

EVERY = 0.25  # seconds between two glances at the host
QUEUE_PATIENCE = 2.0  # seconds in which a queue has to take a message

Type = PortEvent.Type

BY_HAND = "On that machine `python3 manage.py collect` looks without a queue and without a worker."
NO_QUEUE = (
    "Nobody could be asked to look, for the queue can't be used: {}. Without Redis the data "
    "directory has to be writable, and its disk not full; with Redis, PORTATLAS_BROKER_URL has to "
    "name one that runs. {}"
)
NO_WORKER = (
    "Nobody looked within {:g} s. Is `python3 manage.py up`, or a Celery worker, running on the "
    "machine that is to be looked at? What it has to say is in the terminal or the journal of "
    "`up`, behind the word worker, or in the log of that worker. {}"
)
UNBELIEVED = {
    Verdict.FAILED: "The look failed; what was known stays as it was.",
    Verdict.SUSPECT: "What was seen can't be believed; what was known stays as it was.",
}
EVENTS = {  # what is counted, in words
    "appeared": "appeared",
    "disappeared": "disappeared",
    "taken_over": "taken over by another program",
    "restarted": "restarted",
}
IS_TAKEOVER = Q(changes__has_key="program")
COUNTS = {
    "appeared": Count("pk", Q(event_type=Type.APPEARED)),
    "disappeared": Count("pk", Q(event_type=Type.DISAPPEARED)),
    "taken_over": Count("pk", Q(event_type=Type.REBOUND) & IS_TAKEOVER),
    "restarted": Count("pk", Q(event_type=Type.REBOUND) & ~IS_TAKEOVER),
}


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of it; `text` says all of it in sentences."""

    text: str
    looked_at: datetime | None = None  # None when nobody looked, or the look was refused
    verdict: Verdict | None = None
    reason: str = ""  # what limits the look, or why it was refused
    appeared: int = 0
    disappeared: int = 0
    taken_over: int = 0
    restarted: int = 0  # or bound anew in another way

    @property
    def is_believed(self) -> bool:
        """Whether somebody looked, and what was seen has been recorded."""
        return self.verdict is not None and self.verdict not in UNBELIEVED


def ask(
    host_id: str,
    *,
    patience: float,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> Answer:
    """
    Have the worker of this installation look at its host, and wait for the next look at it.

    Any look that ends from now on is an answer, whoever asked for it; a host that didn't exist
    yet answers by being there. After `patience` seconds nobody has answered, and what was asked
    has expired, so that a worker who comes late does not look once for each who gave up.
    """
    deadline = clock() + patience
    before = _with_newest(Host.objects.filter(pk=host_id)).first()
    try:
        send(patience)
    except (OperationalError, OSError) as exc:
        return Answer(NO_QUEUE.format(safe(str(exc), 200).rstrip("."), BY_HAND))
    host = None
    for host in _looks(host_id, before, deadline, clock, sleep):
        # What is doubted is looked at again at once: the second look has the last word.
        if host.verdict != Verdict.SUSPECT or _is_refused(host, before):
            break
    if host is None:
        return Answer(NO_WORKER.format(patience, BY_HAND))
    return _answer(host, before)


def send(patience: float) -> None:
    """
    Ask for a look, and wait for none: after so many seconds nobody has to look any more.

    Raises OperationalError or OSError when the queue can't be used.
    """
    bounded = min(patience, QUEUE_PATIENCE)
    # A connection of its own: those of the pool wait for a Redis that is silent for ever.
    options = {"socket_connect_timeout": bounded, "socket_timeout": bounded, "max_retries": 0}
    with tasks.collect.app.connection_for_write(transport_options=options) as connection:
        tasks.collect.apply_async(
            connection=connection, expires=patience, retry_policy={"max_retries": 0}
        )


def _looks(
    host_id: str,
    before: Host | None,
    deadline: float,
    clock: Callable[[], float],
    sleep: Callable[[float], None],
) -> Iterator[Host]:
    """Yield the host after every look at it, until the deadline."""
    last = _mark(before)
    while True:
        host = Host.objects.filter(pk=host_id).first()
        if _mark(host) != last:
            last = _mark(host)
            yield host
        left = deadline - clock()
        if left <= 0:
            return
        sleep(min(EVERY, left))


def _with_newest(hosts: QuerySet[Host]) -> QuerySet[Host]:
    """
    Annotate hosts with the number of the newest event of their ports, as `newest`.

    Of those that are no older than its last look, which is where those of the next are found.
    """
    last = PortEvent.objects.filter(
        port_runtime__host=OuterRef("pk"),
        timestamp__gte=Coalesce(OuterRef("last_sweep_at"), OuterRef("last_look_at")),
    )
    newest = last.order_by().values("port_runtime__host").values(newest=Max("pk"))
    return hosts.annotate(newest=Coalesce(Subquery(newest), 0))


def _mark(host: Host | None) -> tuple | None:
    """Return what moves with each look; a clock that was set back moves the uptime alone."""
    return host and (host.last_look_at, host.uptime, host.refused_at)


def _is_refused(host: Host, before: Host | None) -> bool:
    return host.refused_at != (before and before.refused_at)


def _events_since(host: Host, before: Host | None) -> QuerySet[PortEvent]:
    events = PortEvent.objects.filter(port_runtime__host=host)
    if before is None:
        return events
    since = before.last_sweep_at or before.last_look_at
    return events.filter(pk__gt=before.newest, timestamp__gte=since)


def _answer(host: Host, before: Host | None) -> Answer:
    if _is_refused(host, before):
        return Answer(f"The look was refused. {host.refused_reason}", reason=host.refused_reason)
    verdict = Verdict(host.verdict)
    counts = {}
    if verdict in UNBELIEVED:
        said = UNBELIEVED[verdict]
    else:
        # Not by their time: the kernel may have told when they happened, between two looks.
        counts = _events_since(host, before).aggregate(**COUNTS)
        told = [f"{counts[name]} {word}" for name, word in EVENTS.items() if counts[name]]
        said = f"Looked: {', '.join(told) or 'nothing has changed'}."
        if verdict is Verdict.PARTIAL:
            said += " Not all could be read, so that nothing counts as gone."
    text = f"{said} {host.reason}".strip()
    return Answer(text, host.last_look_at, verdict, host.reason, **counts)
