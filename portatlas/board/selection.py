"""What a board shows: everything that somebody chose stands in its address."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, fields, replace
from datetime import date
from typing import Self
from urllib.parse import urlencode

from django.db.models import Expression, F, Q, Value
from django.db.models.functions import Coalesce
from django.http import QueryDict

from notes.models import EVERY_HOST
from portatlas.querysets import MemoryQuerySet, PortQuerySet, has_tag
from portatlas.states import PortState

LONGEST = 200  # characters of a search
LAST_PAGE = 1_000_000
GROUPS = {  # and the columns that they are sorted by
    "host": F("host_id"),
    "owner": Coalesce("note__owner", Value("")),
    "type": Coalesce("note__service_type", Value("unknown")),
    "state": F("severity"),
}


@dataclass(frozen=True, slots=True)
class Selection:
    """The filters, the grouping and the page of a board; what makes no sense is left out."""

    q: str = ""
    state: str = ""
    host: str = ""
    owner: str = ""
    tag: str = ""
    stale: str = ""  # "1": only what a note speaks of that somebody should look at again
    clients: str = ""  # "1": client sockets too
    group: str = ""
    page: int = 1

    @classmethod
    def of(cls, query: QueryDict) -> Self:
        said = {field.name: query.get(field.name, "").replace("\x00", "") for field in fields(cls)}
        return cls(
            q=said["q"].strip()[:LONGEST],
            state=said["state"] if said["state"] in PortState.values else "",
            host=said["host"],
            owner=said["owner"][:LONGEST],
            tag=said["tag"][:LONGEST],
            stale="1" if said["stale"] == "1" else "",
            clients="1" if said["clients"] == "1" else "",
            group=said["group"] if said["group"] in GROUPS else "",
            page=_page(said["page"]),
        )

    @property
    def is_narrowed(self) -> bool:
        """Whether anything but a host is left out of what is counted."""
        return bool(self.q or self.owner or self.tag or self.stale)

    @property
    def is_filtered(self) -> bool:
        return bool(self.is_narrowed or self.state or self.host or self.clients)

    def link(self, **changes) -> str:
        """Return the address of this board with something else chosen, from its first page on."""
        other = replace(self, **({"page": 1} | changes))
        said = {field.name: getattr(other, field.name) for field in fields(other)}
        return link(said, page="" if other.page == 1 else other.page)

    @property
    def key(self) -> Expression:
        """What the cards are grouped by."""
        return GROUPS[self.group]

    @property
    def order(self) -> tuple:
        """The order of the cards within their groups."""
        return self.key, "severity", "port", "protocol", "host_id"

    @property
    def hidden(self) -> list[tuple[str, str]]:
        """What the search's form has to carry along."""
        others = ("state", "host", "owner", "tag", "stale", "clients", "group")
        return [(name, getattr(self, name)) for name in others if getattr(self, name)]

    def narrow(
        self, ports: PortQuerySet, today: date, also: Iterable[Callable[[str], Q]] = ()
    ) -> PortQuerySet:
        """
        Keep the ports that are chosen by anything but their state.

        What is searched is found in their facts and notes, and by `also` as `search()` has it.
        """
        if self.host:
            ports = ports.filter(host_id=self.host)
        if self.owner:
            ports = ports.filter(note__owner=self.owner)
        if self.tag:
            ports = ports.filter(has_tag(self.tag, of="note__"))
        if self.stale:
            ports = ports.stale(today)
        return ports.search(self.q, also)

    def notes(self, notes: MemoryQuerySet, today: date) -> MemoryQuerySet:
        """Keep the notes that are chosen; those for every host are about the chosen one too."""
        if self.host:
            notes = notes.filter(host_id__in=(self.host, EVERY_HOST))
        if self.owner:
            notes = notes.filter(owner=self.owner)
        if self.tag:
            notes = notes.filter(has_tag(self.tag))
        if self.stale:
            notes = notes.filter(review_by__lt=today)
        return notes.search(self.q)


def link(chosen: dict, **changes) -> str:
    """Return a query of what is chosen, with some of it changed; what is empty is not said."""
    query = {name: value for name, value in (chosen | changes).items() if value}
    return f"?{urlencode(query)}"


def _page(text: str) -> int:
    return min(max(int(text), 1), LAST_PAGE) if text.isdecimal() and len(text) < 20 else 1
