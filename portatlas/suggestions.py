"""
What a note about a port could say, from the evidence on the port. Pure; never saved unasked.

The evidence is tried in the order in which it can be trusted: who names an image or a unit
administers the machine, but a process chooses its own name, and a port's well-known name says
only what others use it for.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from collector.text import safe
from portatlas import programs, scripts
from portatlas.scripts import GENERIC, Clue

TITLE_LIMIT = 80  # characters
SHOWN = 60  # characters of a name in the evidence
EXE_LIMIT = 4096  # characters of a path
NO_TAG = re.compile(r"[^a-z0-9._-]+")
IMAGE_ID = re.compile(r"(?:sha256:)?[0-9a-f]{12,64}").fullmatch

# Services that start whatever people tell them to, and transient ones, which systemd names.
CARRIERS = set(
    """
    atd console-getty containerd cron crond dbus docker getty inetd init podman rc-local
    serial-getty ssh sshd supervisor supervisord user xinetd
    """.split()  # noqa: SIM905  # a list of quotes and commas is no easier to read
)
TRANSIENT = re.compile(r"run-[rpu]?[0-9a-f-]+|dbus-:.*").fullmatch


@dataclass(frozen=True, slots=True)
class Suggestion:
    """What a note could say: fields of a PortNote, and from what they follow."""

    title: str  # "" when nothing is known
    service_type: str
    tags: list[str]
    expected_scope: str  # "" for no expectation
    evidence: str  # a fragment of a sentence: "the image postgres:17"


def suggest(port: Any) -> Suggestion:
    """
    Return what a note about a portatlas.models.Port could say. Never raises, never queries.

    The most trusted evidence gives the title. Where it names no widely used program, the next
    that does gives the type.
    """
    clues = [clue for clue in _clues(port) if clue.name] or [_well_known(port)]
    first = clues[0]
    known = next((clue for clue in clues if programs.find(clue.name)), first)
    program = programs.find(known.name)
    title = first.title or first.name
    if known is first and program and program.title:
        title = program.title
    says = dict.fromkeys([first.says, known.says])
    return Suggestion(
        title=safe(title, TITLE_LIMIT),
        service_type=program.service_type if program else "unknown",
        tags=_tags(port, program.tag if program else ""),
        # What listens everywhere may have been meant to, or not: that is for people to say.
        expected_scope=port.scope if port.scope in {"loopback", "link", "private"} else "",
        evidence=" and ".join(says),
    )


def _clues(port: Any) -> Iterator[Clue]:
    """Yield the names that the evidence gives, the most trusted first; some may be empty."""
    yield Clue(_image(port.image), f"the image {_shown(port.image)}")
    compose = safe(port.compose_service).strip()
    service = compose.rpartition("/")[2]
    yield Clue(service, f"the compose service {_shown(compose)}", title=compose)
    container = safe(port.container_name).strip()
    yield Clue(container, f"the container {_shown(container)}")
    yield Clue(named_after(port), f"the unit {_shown(port.unit or port.socket_unit)}")
    if port.role == "tunnel":
        yield Clue("ssh-forward", f"a forward of the process {_shown(port.process_name)}")
    if port.role == "server":
        yield from _process(port)


def _process(port: Any) -> Iterator[Clue]:
    name = safe(port.process_name).strip()
    program = safe(port.exe[:EXE_LIMIT].rpartition("/")[2]).strip() or name
    for clue in scripts.clues(program, safe(port.cmdline, scripts.LIMIT)):
        yield Clue(clue.name.strip(), _shown(clue.says))
    # A script that the kernel started by its first line gives the process its name.
    best = name if scripts.is_interpreter(program) else program
    if not scripts.is_interpreter(best):
        yield Clue(best, f"the process {_shown(best)}")


def _image(image: str) -> str:
    """
    Return the telling part of an image's name, without registry, tag and digest.

    >>> _image("docker.io/library/postgres:17"), _image("vaultwarden/server@sha256:0a")
    ('postgres', 'vaultwarden')
    """
    name = safe(image).partition("@")[0].strip()
    if IMAGE_ID(name):
        return ""
    *folders, last = name.split("/")
    if folders and (set(folders[0]) & set(".:") or folders[0] == "localhost"):
        del folders[0]  # a registry
    parts = [*folders, last.partition(":")[0]]
    return next((part for part in reversed(parts) if part not in GENERIC), parts[-1])


def named_after(port: Any) -> str:
    """
    Return the name of a port's unit, "" if it says nothing about the program.

    It is `postgresql` for postgresql@15-main.service, and nothing for cron.service.
    """
    unit = safe(port.unit or port.socket_unit)
    name = unit.removesuffix(".service").removesuffix(".socket").partition("@")[0].strip()
    # A socket is opened by systemd alone, but some services start anything.
    if TRANSIENT(name) or (name in CARRIERS and port.role != "socket_unit"):
        return ""
    snap, _, rest = name.partition(".")
    return rest.partition(".")[0] if snap == "snap" else name


def _well_known(port: Any) -> Clue:
    name = safe(port.well_known, 64).strip()
    return Clue(name, f"port {port.port} is usually {name}" if name else "")


def _tags(port: Any, tag: str) -> list[str]:
    """Return a few words: the compose project, what the program is, and where it runs."""
    project, slash, _ = safe(port.compose_service).partition("/")
    is_contained = port.image or port.container_name
    place = "container" if is_contained else "systemd" if named_after(port) else ""
    words = [NO_TAG.sub("-", (project if slash else "").lower()).strip("._-")[:50], tag, place]
    return list(dict.fromkeys(filter(None, words)))


def _shown(text: str) -> str:
    return safe(text, SHOWN).strip()
