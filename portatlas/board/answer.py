"""The answer to "what was on this port at …", in words."""

from datetime import datetime
from typing import NamedTuple, Self

from notes.models import EVERY_HOST
from portatlas import moment, past
from portatlas.holders import Holder
from portatlas.intervals import Look
from portatlas.models import Port
from portatlas.past import Past
from portatlas.words import span

NOT_A_TIME = "That is no date and time. Write it as 2026-11-20T14:00; it is read as UTC."
WAS = {
    Look.UP: "it was up",
    Look.DOWN: "it was down",
    Look.UNKNOWN: "it is not known what it was",
}


class Fact(NamedTuple):
    """Something about who held the port, and what it is called."""

    name: str
    value: str


class Answer(NamedTuple):
    """What is told of a moment: a problem with the question, or sentences and who held the port."""

    asked: str  # as the field of the form holds it
    problem: str = ""
    look: str = ""
    says: str = ""
    lasted: str = ""
    reason: str = ""
    stood: str = ""  # in which state it was, and why
    noted: str = ""  # what its note was called
    holding: str = ""  # what the facts about the holder are headed by
    holder: tuple[Fact, ...] = ()

    @classmethod
    def to(cls, asked: str, port: Port, now: datetime) -> Self:
        """Answer what somebody asked, in eight queries at most. Needs the port's host."""
        then = moment.parse(asked)
        if then is None:
            return cls("", problem=NOT_A_TIME)
        field = moment.field(then)
        if then > now:
            return cls(field, problem="That is still to come: ask about a time that is over.")
        return cls._of(field, past.at(port, then, now))

    @classmethod
    def _of(cls, field: str, found: Past) -> Self:
        held = "Held by" if found.look == Look.UP else "Held last by"
        facts = _facts(found.holder) if found.holder else ()
        return cls(
            field,
            look=str(found.look),
            says=f"At {found.moment:%F %T} UTC {WAS[found.look]}.",
            lasted=_lasted(found),
            reason=found.reason,
            stood=_stood(found),
            noted=_noted(found),
            holding=held if facts else "",
            holder=facts,
        )


def _lasted(found: Past) -> str:
    """Say from when until when it was so."""
    since = f"{found.since:%F %T}" if found.since else ""
    until = f"{found.until:%F %T}" if found.until else ""
    if since and until:
        return f"From {since} until {until}, for {span(found.until - found.since)}."
    if since:
        return f"Since {since}, and still."
    return f"Until {until}." if until else ""


def _stood(found: Past) -> str:
    """Say in which state it was, and why."""
    if found.stood is None:
        return ""
    return f"It was {found.stood.state.label.lower()}: {found.stood.reason}."


def _noted(found: Past) -> str:
    """Say what the note was called that spoke for it."""
    if found.note is None:
        return ""
    whose = " for every host" if found.note.host_id == EVERY_HOST else ""
    return f"Its note{whose} was “{found.note.title or 'Untitled'}”."


def _facts(holder: Holder) -> tuple[Fact, ...]:
    pairs = (
        ("Process", holder.process_name),
        ("Pid", str(holder.current_pid or "")),
        ("User", holder.user),
        ("Command", holder.cmdline),
        ("Program", holder.exe),
        ("Unit", holder.unit),
        ("Container", holder.container_name or holder.container[:12]),
        ("Image", holder.image),
    )
    return tuple(Fact(name, str(value)) for name, value in pairs if value)
