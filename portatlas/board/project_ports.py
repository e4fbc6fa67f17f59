"""The ports of one project: a page of them, how many there are of each kind, and who holds them."""

from collections import Counter, defaultdict
from collections.abc import Iterable
from datetime import datetime
from typing import NamedTuple, Self

from django.core.paginator import Page, Paginator
from django.db.models import Count, Q
from django.urls import reverse

from portatlas.board.booked import LABELS, Stand
from portatlas.board.reservation_lines import Line, line
from portatlas.bookings import Status
from portatlas.contexts.reservations import services
from portatlas.contexts.reservations.models import ReservationEvent
from portatlas.contexts.reservations.values import EVERY_HOST, named
from portatlas.models import Booking, Port
from portatlas.reserved import until, whom

PORTS = 100  # a page
LINES = 20  # of the history that a page tells
MOST_HOSTS = 50  # that one can choose from
MOST_HELD = 2_000  # ports of a page that are held, on whatever hosts
STATUSES = (Status.VIOLATED, Status.IN_USE, Status.STALE, Status.RESERVED)

Key = tuple[str, str, int]


class Row(NamedTuple):
    """A port of the table."""

    name: str
    said: str  # with its host, for who can't see the table
    host: str
    link: str
    stand: Stand
    description: str
    whom: str
    holder: str
    until: str
    revision: str


class Choice(NamedTuple):
    """A way to see less: what it is called, how many ports that are, and what it chooses."""

    label: str
    count: int
    value: str


class ProjectPorts(NamedTuple):
    """The ports of a project."""

    total: int
    statuses: tuple[Choice, ...]
    hosts: tuple[Choice, ...]
    page: Page
    rows: tuple[Row, ...]

    @classmethod
    def of(
        cls, project: str, now: datetime, *, host: str = "", status: str = "", number: str = ""
    ) -> Self:
        """Read a page of the ports of a project, in three statements."""
        every = Booking.objects.holding(now).filter(project=project).with_status(now)
        counted = every.order_by().values_list("host_id", "stands").annotate(Count("pk"))
        by_host: Counter[str] = Counter()
        by_status: Counter[str] = Counter()
        chosen = 0
        for host_id, stands, count in counted:
            if status in {"", stands}:
                by_host[host_id] += count
            if host in {"", host_id}:
                by_status[stands] += count
                chosen += count if status in {"", stands} else 0
        page = Paginator(range(chosen), PORTS).get_page(number)
        shown = every.filter(host_id=host) if host else every
        shown = shown.in_status(status) if status else shown
        bookings = list(shown[page.start_index() - 1 : page.end_index()]) if chosen else []
        holders = _holders(bookings)
        hosts = sorted(by_host.items(), key=lambda each: (-each[1], each[0]))[:MOST_HOSTS]
        return cls(
            by_status.total(),
            tuple(Choice(LABELS[each], by_status[each], each.value) for each in STATUSES),
            tuple(Choice(_host(host_id), count, host_id) for host_id, count in hosts),
            page,
            tuple(_row(each, holders.get(each.key, ""), now) for each in bookings),
        )


def history(project: str, now: datetime, host: str = "") -> tuple[Line, ...]:
    """Return the last lines of the history of a project."""
    lines = ReservationEvent.objects.filter(project=project)
    if host:
        lines = lines.filter(host_id=host)
    return tuple(line(each, now) for each in lines[:LINES])


def _host(host_id: str) -> str:
    return "every host" if host_id == EVERY_HOST else host_id


def _row(booking: Booking, holder: str, now: datetime) -> Row:
    return Row(
        f"{booking.port}/{booking.protocol}",
        named(booking.key),
        _host(booking.host_id),
        reverse("port", args=booking.key),
        Stand.of(booking.status),
        booking.description,
        whom(booking),
        holder,
        until(booking.expires_at, now).removeprefix("until ") if booking.expires_at else "",
        services.revision(booking),
    )


def _holders(bookings: Iterable[Booking]) -> dict[Key, str]:
    """Name who listens on reserved ports, in one statement; of every host, on which first."""
    numbers = defaultdict(set)
    for booking in bookings:
        numbers[booking.host_id, booking.protocol].add(booking.port)
    if not numbers:
        return {}
    meant = Q(pk__in=[])
    for (host_id, protocol), ports in numbers.items():
        of_host = {} if host_id == EVERY_HOST else {"host": host_id}
        meant |= Q(protocol=protocol, port__in=ports, **of_host)
    columns = ("host_id", "protocol", "port", "process_name", "container_name")
    active = Port.objects.filter(meant, current_state="active").order_by()
    found: dict[Key, list[str]] = defaultdict(list)
    for host_id, protocol, port, process, container in active.values_list(*columns)[:MOST_HELD]:
        name = container or process or "a program that can't be seen"
        found[host_id, protocol, port].append(name)
        found[EVERY_HOST, protocol, port].append(f"{name} on {host_id}")
    return {key: _told(names) for key, names in found.items()}


def _told(names: list[str]) -> str:
    return names[0] + (f" and {len(names) - 1} more" if names[1:] else "")
