"""`ports`: the board on a terminal, and everything about one port."""

import json
from collections.abc import Mapping, Sequence
from datetime import datetime

from django.utils import timezone

from collector.models import Host
from collector.text import safe
from portatlas.admin.columns import OF_PORTS
from portatlas.admin.csv_export import Column, lines
from portatlas.api.rows import PortRow, rows
from portatlas.board.selection import Selection
from portatlas.silence import silences
from portatlas.states import PortState
from portatlas.terminal import sheet
from portatlas.terminal.door import Door, program, wrong
from portatlas.terminal.listing import SORTS, Asked, Listing
from portatlas.terminal.screen import prose
from portatlas.terminal.table import PortTable
from portatlas.terminal.target import FORMS, Target

MOST = 1_000  # ports of a table, unless somebody wants more
LONGEST = 10_000  # characters of a cell


def harmless(column: Column) -> Column:
    """Return a column whose cells are harmless on a terminal, too."""

    def cell(port) -> str:
        value = column.cell(port)
        return "" if value is None else safe(str(value), LONGEST)

    return column._replace(cell=cell)


HARMLESS = tuple(map(harmless, OF_PORTS))


class Command(Door):
    help = (
        "List the ports, the most urgent first, or with `show PORT` tell everything about one. "
        "Words search as the board does: numbers, processes, units, containers, notes."
    )

    def add_arguments(self, parser):
        parser.add_argument("words", nargs="*", metavar="WORD", help=f"or: show PORT ({FORMS})")
        parser.add_argument(
            "--state",
            action="append",
            choices=PortState.values,
            default=[],
            metavar="STATE",
            help=f"only these, can be given again: {', '.join(PortState.values)}",
        )
        parser.add_argument("--host", default="", help="only of this host")
        parser.add_argument("--owner", default="", help="only what this owner is to be asked about")
        parser.add_argument("--tag", default="", help="only what has this word in its note")
        parser.add_argument("--stale", action="store_true", help="only what is to be reviewed")
        parser.add_argument("--clients", action="store_true", help="clients' sockets, too")
        parser.add_argument("--all", action="store_true", help="what is gone for good, too")
        parser.add_argument("--sort", choices=SORTS, default="urgency", help="(default: urgency)")
        parser.add_argument("--limit", type=int, metavar="N", help=f"(default of a table: {MOST})")
        form = parser.add_mutually_exclusive_group()
        form.add_argument("--json", action="store_true", help="an array, each as the API has it")
        form.add_argument("--csv", action="store_true", help="for a spreadsheet")

    def handle(self, *, words, **options):
        if words[:1] == ["show"]:
            self.show(words[1:], options)
            return
        now = timezone.now()
        try:
            read = rows if options["json"] else list
            listing = Listing.of(asked(words, options), now, read)
        except LookupError as exc:
            self.nothing(str(exc))
        if options["json"]:
            self.say(as_json(listing.ports, silences(listing.hosts, now)))
        elif options["csv"]:
            for line in lines(HARMLESS, listing.ports):
                self.say(line)
        else:
            self.print(listing, now, options)
        if options["json"] or options["csv"]:
            for problem in listing.problems:
                self.warn(problem)
        if not listing.ports:
            self.nothing(" ".join(["No port is as asked.", *listing.left_out]))

    def print(self, listing: Listing, now, options) -> None:
        screen = self.screen(options)
        said = [prose(listing.sentence(now), "bold")]
        said += [prose(problem, "yellow") for problem in listing.problems]
        if listing.ports:
            said += ["", PortTable(listing.ports, now, screen.width)]
            left = listing.left_out
            said += ["", prose(" ".join(left), "dim")] if left else []
        elif not listing.hosts:
            look = f"{program()} up looks at it from now on, {program()} collect looks once."
            said.append(look)
        self.say(screen.text(*said))

    def show(self, named: list[str], options) -> None:
        if len(named) != 1:
            raise wrong(f"show takes one port: {FORMS}.")
        try:
            target = Target.parse(named[0], host_id=options["host"])
        except ValueError as exc:
            raise wrong(str(exc)) from exc
        now = timezone.now()
        ports = (rows if options["json"] else list)(sheet.meant(target, now))
        if options["csv"]:
            raise wrong("show tells of one port: --csv is for the list.")
        if options["json"]:
            self.say(as_json(ports, silences(Host.objects.all(), now)))
        elif ports:
            screen = self.screen(options)
            self.say(screen.text(*sheet.told(ports, now, screen.width)))
        elif notes := sheet.notes(target):
            self.say(self.screen(options).text(*sheet.unseen(notes, now)))
            return
        if not ports:
            self.nothing(f"{target} was never seen, and has no note.")


def asked(words: list[str], options) -> Asked:
    """Return what is chosen. Raises CommandError for a value that makes no sense."""
    limit = options["limit"]
    if limit is not None and not 1 <= limit <= 10_000_000:
        raise wrong("--limit takes a number from 1 on.")
    is_table = not (options["json"] or options["csv"])
    selection = Selection(
        q=" ".join(words),
        host=options["host"],
        owner=options["owner"],
        tag=options["tag"],
        stale="1" if options["stale"] else "",
        clients="1" if options["clients"] else "",
    )
    return Asked(
        selection,
        states=tuple(map(PortState, options["state"])),
        with_gone=options["all"],
        sort=options["sort"],
        limit=MOST if limit is None and is_table else limit,
    )


def as_json(ports: Sequence[PortRow], silent: Mapping[str, datetime]) -> str:
    return json.dumps([port.as_json(silent) for port in ports], indent=2) + "\n"
