"""`port kill`: end whoever holds a port of this machine now."""

import sys
from contextlib import suppress

from django.conf import settings
from django.core.management import CommandError
from django.utils import timezone
from kombu.exceptions import OperationalError

from collector import asking
from portatlas.contexts.reservations.models import Reservation
from portatlas.contexts.reservations.services import RefusedError
from portatlas.contexts.reservations.values import named
from portatlas.reserving import killing
from portatlas.reserving.ending import Fate, Processes
from portatlas.terminal import layout
from portatlas.terminal.door import wrong
from portatlas.terminal.port import key, lines
from portatlas.terminal.port.performer import add_argument as add_performer
from portatlas.terminal.port.performer import performer
from portatlas.terminal.screen import plain, prose

NAME = "kill"
HELP = (
    "End the processes that hold a port of this host now: asks first, sends SIGTERM, and SIGKILL "
    "to what has not ended by then. What is not ours to end is refused (5)."
)
LONGEST = 600  # seconds to wait
LOOK_WITHIN = 30.0  # seconds, after which the next look has told as much


def add_arguments(parser):
    key.add_arguments(parser)
    parser.add_argument("--yes", action="store_true", help="do not ask")
    parser.add_argument(
        "--timeout",
        type=float,
        default=10.0,
        metavar="SECONDS",
        help="until SIGKILL (default: 10)",
    )
    add_performer(parser)
    parser.add_argument("--json", action="store_true", help="print what became of it; needs --yes")


def run(command, options):
    here, timeout = settings.PORTATLAS_HOST_ID, options["timeout"]
    host_id, *wanted = key.read(options["port"], options)
    if not 0 <= timeout <= LONGEST:
        raise wrong(f"--timeout takes seconds, {LONGEST} at most.")
    if host_id != here:
        raise RefusedError(f"This machine is {here}: run it on the one that is meant.")
    if not options["yes"] and (options["json"] or not sys.stdin.isatty()):
        raise wrong("There is nobody to ask: say --yes to end it without that.")
    by = performer(command, options)
    found = holder(command, here, tuple(wanted))
    protocol, port = found.key
    # Before anything is ended: a database that can't be used could not record it.
    project = killing.project(here, found)
    about = Reservation(host_id=here, protocol=protocol, port=port, project=project)
    with Processes(found.owner.pids) as processes:
        if processes.forbidden:
            raise RefusedError(killing.forbidden(found.owner))
        if not options["yes"]:
            ask(command, here, found, options)
        fates = processes.end(killing.holders_of(found), patience=timeout)
    name = named(about.key)
    if set(fates.values()) <= {Fate.LEFT}:
        command.nothing(f"{name} is not held any more by whom it was: nothing was ended.")
    killing.record(about, found, fates, by=by, at=timezone.now())
    again = look(here).by_key.get(found.key)
    with suppress(OperationalError, OSError):  # then the next look tells it
        asking.send(LOOK_WITHIN)
    if options["json"]:
        command.say(lines.as_text(told(here, found, fates, is_free=again is None)))
    else:
        command.say(in_words(found.owner, fates, timeout))
    if again:
        raise CommandError(f"{name} is still held, or again: by {held_by(again.owner)}.")


WORDS = {
    Fate.ENDED: "has ended",
    Fate.KILLED: "was killed: it had not ended within {:g} s",
    Fate.LEFT: "was left alone: it held the port no more",
    Fate.STAYS: "does not end, for the kernel holds it",
}


def look(here):
    return killing.look(here, at=timezone.now(), timeout=settings.PORTATLAS_SS_TIMEOUT)


def holder(command, here, wanted):
    """Return the listener that is to be ended. Raises RefusedError, or ends the command."""
    listeners = look(here).by_key
    found = listeners.get(wanted)
    if not found:
        protocol, number = wanted
        other = listeners.get(("udp" if protocol == "tcp" else "tcp", number))
        hint = f" {other.port}/{other.protocol} is, by {held_by(other.owner)}." if other else ""
        command.nothing(f"{named((here, *wanted))} is held by nobody.{hint}")
    if why := killing.refusal(here, found):
        raise RefusedError(why)
    return found


def held_by(owner) -> str:
    name = owner.process_name or "somebody"
    return f"{name} (PID {owner.pids[0]})" if owner.pids else name


def ask(command, here, found, options):
    """Say who is going to be ended; end the command unless that is agreed to."""
    owner, screen = found.owner, command.screen(options)
    pairs = [
        ("processes", ", ".join(map(str, owner.pids))),
        ("command", owner.cmdline),
        ("user", owner.user),
        ("unit", owner.unit),
        ("container", owner.container_name or owner.container),
    ]
    name = named((here, *found.key))
    command.say(screen.text(plain(f"{name} is held by {held_by(owner)}."), layout.facts(pairs)))
    if better := killing.advice(owner):
        command.say(screen.text(prose(better)))
    command.say("End it? [y/N] ")
    command.stdout.flush()
    if sys.stdin.readline().strip().lower() not in {"y", "yes"}:
        command.nothing("Nothing was ended.")


def in_words(owner, fates, timeout) -> str:
    return "".join(
        f"{owner.process_name} (PID {pid}) {WORDS[fate].format(timeout)}.\n"
        for pid, fate in fates.items()
    )


def told(here, found, fates, *, is_free) -> dict:
    owner = found.owner
    return {
        "host_id": here,
        "protocol": found.protocol.value,
        "port": found.port,
        "process_name": owner.process_name,
        "cmdline": owner.cmdline,
        "user": owner.user,
        "unit": owner.unit,
        "container_name": owner.container_name,
        "processes": [{"pid": pid, "fate": fate.value} for pid, fate in fates.items()],
        "is_free": is_free,
    }
