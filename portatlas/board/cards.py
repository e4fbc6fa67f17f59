"""
The cards of the board: what each shows, as text, so that its template only fills in.

A card is a value. Most are the same from one refresh to the next, for whoever looks, so what
was drawn of them is kept.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from functools import cache, lru_cache
from typing import NamedTuple

from django.template.loader import render_to_string
from django.urls import reverse

from notes.models import PortNote
from portatlas.board import opening, owners, tokens
from portatlas.board.browser import Browser
from portatlas.board.strip import Strip, strips
from portatlas.facet import Shown
from portatlas.models import Port
from portatlas.silence import silent_since
from portatlas.suggestions import suggest
from portatlas.words import ago, clock, lasting

LONGEST = 300  # characters of a command line or of addresses
KEPT = 500  # drawn cards in each process, of some 2 KB
# The columns that a card is made of, of the port and of its note; times and JSON cost the most.
TOLD = (
    *("host", "protocol", "port", "current_state", "first_seen_at", "last_seen_at"),
    *("last_disappeared_at", "active_since", "endpoints", "scope", "backlog", "backlog_limit"),
    *("owner_state", "process_name", "cmdline", "exe", "exe_is_deleted", "user", "role", "unit"),
    *("socket_unit", "container", "container_name", "image", "compose_service", "well_known"),
    *("note__host_id", "note__protocol", "note__port", "note__title", "note__owner"),
    *("note__service_type", "note__risk_level", "note__tags", "note__expected_scope"),
    *("note__review_by", "note__version"),
)
FOLDERS = re.compile(r"^\S*/")  # of a program: its name says more in a narrow card
RISKS = dict(PortNote.RiskLevel.choices)
TYPES = dict(PortNote.ServiceType.choices) | {"unknown": ""}
# By what a note says: each judgement, and whether it is the one, as an attribute has it.
JUDGMENTS = {
    said: tuple((risk, "true" if risk == said else "false") for risk in RISKS)
    for said in ("", *RISKS)
}


class Tag(NamedTuple):
    """A word of a note, and the board of all that have it."""

    word: str
    link: str


class Move(NamedTuple):
    """Where the program of a port that has gone listens now."""

    name: str  # 8081/tcp
    token: str  # as a form sends it


class Card(NamedTuple):
    """
    One port as the board shows it; a text is empty where there is nothing to say.

    Its numbers are texts too: to write one the way of the reader's language, which these have
    not, a template takes as long as for a whole card otherwise.
    """

    id: str
    name: str  # 8080/tcp
    number: str
    protocol: str
    token: str  # host/protocol/port@version, as a form sends it; 0 where the host has no own note
    link: str
    state: str
    label: str
    silent: str  # since when its host is, so that its state is what it was last known as
    reason: str
    title: str
    holding: str
    faults: tuple[str, ...]
    host: str
    reach: str
    addresses: str
    process: str
    user: str
    unit: str
    container: str
    image: str
    hint: str
    perhaps: str
    command: str
    owner: str
    owner_link: str
    type: str
    tags: tuple[Tag, ...]
    judgments: tuple[tuple[str, str], ...]
    risk_label: str
    review: str
    is_noted: bool
    is_inherited: bool
    facets: tuple[Shown, ...]
    lasting: str
    first_seen: str
    address: str  # to open it in a browser
    strip: Strip
    move: Move | None
    may_write: bool  # whether its reader may judge it

    @property
    def html(self) -> str:
        return _drawn(self)


@lru_cache(KEPT)
def _drawn(card: Card) -> str:
    return render_to_string("board/_card.html", card._asdict())


def cards(  # noqa: PLR0913  # what a card depends on beside its port
    ports: Iterable[Port],
    now: datetime,
    *,
    show_host: bool,
    may_write: bool,
    browser: Browser,
    moved: Mapping[int, Port],
    beside: Mapping[int, tuple[Shown, ...]],
    link: Callable[..., str],
) -> list[Card]:
    """
    Return the cards of ports that for_board() yields, in two queries at most.

    `moved` says where the programs of ports that have gone listen now, and `beside` what facets
    tell of ports, both by primary key; `link` is the board's way to an address with something
    else chosen, as Selection.link().
    """
    ports = list(ports)
    past = strips(ports, now)
    of_all = {
        "now": now,
        "root": reverse("board"),
        "show_host": show_host,
        "may_write": may_write,
        "browser": browser,
        # A page has few owners and few words, each on many cards.
        "of_owner": cache(lambda owner: link(owner=owner)),
        "of_tag": cache(lambda word: link(tag=word)),
    }
    return [
        _card(
            port,
            strip=past[port.pk],
            moved=moved.get(port.pk),
            facets=beside.get(port.pk, ()),
            **of_all,
        )
        for port in ports
    ]


def _key(port: Port) -> tuple[str, str, int]:
    return port.host_id, port.protocol, port.port


def _perhaps(port: Port, title: str) -> str:
    """Say what a port that nobody has explained may be, if more can be told than its title."""
    if port.note or not port.is_active:
        return ""
    guess = suggest(port).title
    return guess if guess.casefold() != title.casefold() else ""


def _card(  # noqa: PLR0913  # all that a card is made of
    port, *, strip, moved, facets, now, root, show_host, may_write, browser, of_owner, of_tag
) -> Card:
    note, title, hint = port.note, owners.title(port), owners.hint(port)
    silent = silent_since(port.host, now)
    is_inherited = note is not None and note.speaks_for_every_host
    process = port.process_name if port.process_name != title else ""
    return Card(
        id=str(port.pk),
        name=f"{port.port}/{port.protocol}",
        number=str(port.port),
        protocol=port.protocol,
        token=tokens.text(_key(port), note.version if note and not is_inherited else 0),
        # A host's name has nothing in it that an address would have to quote.
        link=f"{root}ports/{port.host_id}/{port.protocol}/{port.port}/",
        state=port.state.value,
        label=port.state.label,
        silent=clock(silent, now) if silent else "",
        reason=port.reason,
        title=title,
        holding=owners.holding(port),
        faults=tuple(owners.faults(port)),
        host=port.host_id if show_host else "",
        reach=port.reach,
        addresses=port.addresses[:LONGEST],
        process=process,
        user=port.user,
        unit=port.unit or port.socket_unit,
        container=port.container_name,
        image=port.image,
        hint=hint if hint != title and not note else "",
        perhaps=_perhaps(port, title),
        command=FOLDERS.sub("", port.cmdline[:LONGEST]),
        owner=note.owner if note else "",
        owner_link=of_owner(note.owner) if note and note.owner else "",
        type=TYPES.get(note.service_type, "") if note else "",
        tags=tuple(Tag(word, of_tag(word)) for word in (note.tags if note else ())),
        judgments=JUDGMENTS[note.risk_level if note else ""],
        risk_label=RISKS[note.risk_level] if note else "",
        review=f"to be reviewed since {note.review_by:%Y-%m-%d}"
        if note and note.is_stale(now.date())
        else "",
        is_noted=note is not None,
        is_inherited=is_inherited,
        facets=facets,
        lasting=lasting(port, now),
        first_seen=ago(port.first_seen_at, now),
        address=opening.address(port, here=browser.host_id, site=browser.site),
        strip=strip,
        move=Move(f"{moved.port}/{moved.protocol}", tokens.text(_key(moved), note.version))
        if moved
        else None,
        may_write=may_write,
    )
