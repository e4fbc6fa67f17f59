"""`events`: what happened to ports, and what happens."""

import time
from collections.abc import Callable, Iterable, Sequence
from itertools import islice

from django.db.models import QuerySet
from django.utils import timezone

from collector.models import PortEvent
from portatlas.models import Port
from portatlas.terminal import event_lines, spans
from portatlas.terminal.door import Door, wrong
from portatlas.terminal.stop import Listener, until_stopped
from portatlas.terminal.tail import Tail, last_id
from portatlas.terminal.target import FORMS, Target

EVERY = 1  # seconds between two polls
CHUNK = 200  # events that are held and printed at once
USUAL = "24h"
Form = Callable[[Sequence[PortEvent]], str]


class Command(Door):
    help = (
        "Print what happened to ports, the oldest first, one event a line. Times are UTC. Without "
        "--type, that a port is still alive is left out."
    )

    def add_arguments(self, parser):
        parser.add_argument("--since", metavar="WHEN", help=f"{spans.FORMS} (default: {USUAL})")
        parser.add_argument("--until", metavar="WHEN", help="the same")
        parser.add_argument("--host", default="", help="only of this host")
        parser.add_argument("--port", metavar="PORT", help=f"only of this port: {FORMS}")
        parser.add_argument(
            "--type",
            action="append",
            choices=PortEvent.Type.values,
            default=[],
            help="only of this kind, can be given again",
        )
        parser.add_argument("--clients", action="store_true", help="of clients' sockets, too")
        parser.add_argument("--json", action="store_true", help="one JSON object a line")
        parser.add_argument(
            "--follow",
            "-f",
            action="store_true",
            help="go on with new events until stopped; without --since, with these alone",
        )

    def handle(self, **options):
        if options["follow"] and options["until"]:
            raise wrong("--follow has no end: leave --until away.")
        now = timezone.now()
        try:
            events = chosen(options)
            window = within(events, options, now)
        except ValueError as exc:
            raise wrong(str(exc)) from exc
        form = self.form(options)
        if options["follow"]:
            with until_stopped():
                self.follow(events, window if options["since"] else None, form)
        elif not self.print(window.iterator(chunk_size=CHUNK), form):
            self.nothing("No event is as asked.")

    def form(self, options) -> Form:
        """Return how events are said: as JSON, or for where the output goes."""
        if options["json"]:
            return lambda events: "".join(map(event_lines.json_line, events))
        screen = self.screen(options)
        return lambda events: screen.text(*map(event_lines.line, events))

    def follow(self, events: QuerySet, window: QuerySet | None, form: Form) -> None:
        last = last_id()
        if window is not None:
            self.print(window.filter(pk__lte=last).iterator(chunk_size=CHUNK), form)
        tail, listener = Tail(events, last), Listener()
        while not listener.is_gone_after(EVERY):
            self.print(tail.poll(time.monotonic()), form)

    def print(self, events: Iterable[PortEvent], form: Form) -> int:
        """Print events as they come, and return how many there were."""
        count, rest = 0, iter(events)
        while some := list(islice(rest, CHUNK)):
            self.say(form(some))
            self.stdout.flush()
            count += len(some)
        return count


def chosen(options) -> QuerySet:
    """Return the events of all times that are asked for. Raises ValueError with a sentence."""
    kinds = options["type"] or [kind for kind in PortEvent.Type if kind != PortEvent.Type.ALIVE]
    events = PortEvent.objects.select_related("port_runtime").filter(event_type__in=kinds)
    if options["port"]:
        of = Target.parse(options["port"], host_id=options["host"]).chosen
        events = events.filter(**{f"port_runtime__{name}": value for name, value in of.items()})
    elif options["host"]:
        events = events.filter(port_runtime__host_id=options["host"])
    if not options["clients"]:
        events = events.exclude(port_runtime__in=Port.objects.clients().values("pk"))
    return events


def within(events: QuerySet, options, now) -> QuerySet:
    """Return those of a time, the oldest first. Raises ValueError with a sentence."""
    since = spans.read(options["since"] or USUAL, now)
    until = spans.read(options["until"], now) if options["until"] else None
    if until and until <= since:
        raise ValueError("--until is not after --since, so there is nothing in between.")
    events = events.filter(timestamp__gte=since).order_by("timestamp", "pk")
    return events.filter(timestamp__lt=until) if until else events
