"""The command line of the agent."""

from __future__ import annotations

import argparse
import json
import os
import re
import sys
from collections.abc import Sequence
from datetime import datetime, timezone
from pathlib import Path

from collector import machine
from collector.agent import credential
from collector.agent.courier import Courier
from collector.agent.hub import AddressError, Hub
from collector.agent.looks import Looks
from collector.agent.loop import Agent
from collector.agent.outbox import Outbox
from collector.agent.spool import Spool, SpoolError
from collector.agent.version import VERSION
from collector.agent.voice import say
from collector.bell import Bell
from collector.sweep import HOST_ID
from collector.wake import Wake

NAME = "portatlas-agent"
ONCE = "This was one look alone. As a service the agent would listen to the kernel."


def main(arguments: Sequence[str]) -> int:
    """Do what the command line says. Returns 0, or 1 if it did not work, 2 if it can't."""
    parser = _parser()
    options = parser.parse_args(arguments)
    if options.install:
        from collector.agent import install  # noqa: PLC0415  # once in the life of a host

        return install.run(options)
    if options.print:
        return _print(options)
    if not options.hub or not options.token_file:
        parser.error("where to? It takes --hub URL and --token-file FILE, or --print.")
    if not options.spool:
        parser.error("where to keep sweeps? Who has no home names a folder by --spool DIR.")
    return _watch(options)


def _watch(options: argparse.Namespace) -> int:
    wake = Wake()
    wake.listen()
    try:
        hub = Hub(options.hub, options.token_file, options.ca_file)
        credential.read(options.token_file)
        spool = Spool(options.spool, options.host)
    except (AddressError, credential.CredentialError, SpoolError) as exc:
        say(str(exc))
        return 2
    if hub.is_in_clear:
        say("The token travels in clear text: give the hub a certificate, and https to --hub.")
    wake.bell = bell = Bell(reason=ONCE) if options.once else Bell.hang()
    looks = Looks(options.host, 0 if options.once else options.interval, _now, bell)
    agent = Agent(looks, Outbox(spool, _now), Courier(hub.post, wake.ring), wake)
    if options.once:
        return 0 if agent.run_once() else 1
    when = f"not in between. {bell.reason}" if bell.reason else "when the kernel tells of a port."
    say(
        f"Version {VERSION} looks at {options.host} for {options.hub} "
        f"every {options.interval} s, and {when}"
    )
    agent.run(options.interval)
    return 0


def _print(options: argparse.Namespace) -> int:
    report = Looks(options.host, 0, _now, Bell(reason=ONCE)).take()
    sweep = {**report.head, "listeners": report.listeners()}
    try:
        sys.stdout.write(json.dumps(sweep, indent=2) + "\n")
        sys.stdout.flush()
    except OSError as exc:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # Python would try again
        say(f"It can't be printed: {exc.strerror}.")
        return 1
    return 0 if report.is_believed else 1


def _now() -> datetime:
    return datetime.now(timezone.utc)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog=NAME,
        description="Tell a hub of Port Atlas, again and again, what listens on this machine.",
        epilog="What the hub does not take is kept, for a day at most, and brought to it later.",
        allow_abbrev=False,
    )
    add = parser.add_argument
    add("--hub", metavar="URL", help="where the hub is: https://atlas.example.org")
    add(
        "--token-file",
        metavar="FILE",
        type=Path,
        default=_under("CREDENTIALS_DIRECTORY", "token"),
        help="holds the token that the hub gave for this host; others may not read it",
    )
    add(
        "--host",
        metavar="NAME",
        type=_host,
        default=machine.host_name(),
        help="how the hub calls this machine (default: %(default)s)",
    )
    add(
        "--interval",
        metavar="SECONDS",
        type=_interval,
        default=15,
        help="from one look to the next (default: %(default)s)",
    )
    add(
        "--spool",
        metavar="DIR",
        type=Path,
        default=_under("STATE_DIRECTORY") or _usual_spool(),
        help="where sweeps wait while the hub is away (default: %(default)s)",
    )
    add("--ca-file", metavar="FILE", type=Path, help="believe a hub whose certificate this signed")
    add("--once", action="store_true", help="look once, bring it to the hub and end")
    add("--print", action="store_true", help="look once and print it as JSON; no hub hears of it")
    add(
        "--install",
        action="store_true",
        help="as root: install and start this as a service of systemd; with --print, show it only",
    )
    add(
        "--ebpf",
        action="store_true",
        help="with --install: with the privileges to be told by the kernel when a port opens",
    )
    add("--version", action="version", version=f"{NAME} {VERSION}")
    return parser


def _host(text: str) -> str:
    if not re.fullmatch(HOST_ID, text):
        raise argparse.ArgumentTypeError(
            "1 to 64 letters, digits and . _ : - that begin with a letter or a digit"
        )
    return text


def _interval(text: str) -> int:
    if not re.fullmatch(r"[0-9]{1,4}", text, re.ASCII) or not 1 <= int(text) <= 3600:
        raise argparse.ArgumentTypeError("a whole number of seconds, from 1 to 3600")
    return int(text)


def _under(variable: str, *names: str) -> Path | None:
    """Return a path below the folder that systemd names, None without systemd."""
    folder = os.environ.get(variable)
    return Path(folder, *names) if folder else None


def _usual_spool() -> Path | None:
    """Return the folder for who is asked by nobody else, None for who has no home."""
    if os.geteuid() == 0:
        return Path("/var/lib", NAME)
    try:
        return Path(os.environ.get("XDG_STATE_HOME") or "~/.local/state").expanduser() / NAME
    except RuntimeError:
        return None
