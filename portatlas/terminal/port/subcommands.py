"""The subcommands of `port`, in the order in which its help lists them."""

from argparse import ArgumentParser
from typing import Any, Protocol

from portatlas.terminal.door import Door
from portatlas.terminal.port import (
    check,
    exporting,
    history,
    importing,
    kill,
    listing,
    preflight,
    projects,
    release,
    renew,
    request,
    reserve,
    run,
    show,
    stale,
    summary,
    sysctl,
)


class Subcommand(Protocol):
    """
    What a module offers that is a subcommand.

    `run` prints by the command, and may raise what the services of reservations raise: the
    command tells it, and ends with the code that it has.
    """

    NAME: str
    HELP: str

    def add_arguments(self, parser: ArgumentParser) -> None: ...

    def run(self, command: Door, options: dict[str, Any]) -> None: ...


SUBCOMMANDS: tuple[Subcommand, ...] = (
    reserve,
    release,
    renew,
    request,
    run,
    kill,
    listing,
    show,
    check,
    history,
    stale,
    projects,
    summary,
    preflight,
    exporting,
    importing,
    sysctl,
)
