"""`port history`: what became of reservations, the newest first."""

from django.db.models import QuerySet

from portatlas.contexts.reservations.models import ReservationEvent
from portatlas.contexts.reservations.values import EVERY_HOST
from portatlas.reserving import booking_rows
from portatlas.reserving.history_words import in_words
from portatlas.terminal.port import key, lines, rows
from portatlas.terminal.screen import plain

NAME = "history"
HELP = "Tell what became of reservations, the newest first: of a port, of a project, or of all."
USUAL = 50  # lines, unless somebody wants more
STYLES = {
    "reserved": "green",
    "released": "dim",
    "freed": "dim",
    "killed": "red",
    "violated": "red",
}


def add_arguments(parser):
    key.add_arguments(parser, nargs="?")
    parser.add_argument("--project", help="only of this project")
    rows.add_limit(parser, USUAL)
    parser.add_argument("--json", action="store_true", help="each as the API has it")


def run(command, options):
    rows.tell(
        command,
        options,
        asked(options),
        as_json=booking_rows.history_as_json,
        table=table,
        nothing="Nothing is told of that.",
        usual=USUAL,
    )


def asked(options) -> QuerySet:
    """Return the lines that are chosen; of a port of a host, those of every host, too."""
    found = ReservationEvent.objects.all()
    if options["project"] is not None:
        found = found.filter(project=options["project"])
    if options["port"] is not None:
        host_id, protocol, port = key.read(options["port"], options)
        return found.filter(host_id__in=[host_id, EVERY_HOST], protocol=protocol, port=port)
    said = {"host_id": options["host"], "protocol": options["protocol"]}
    return found.filter(**{name: value for name, value in said.items() if value})


def table(events: list[ReservationEvent]):
    drawn = lines.new_table("at", "action", "port", "host", "project", "by", "details")
    for each in events:
        drawn.add_row(
            plain(f"{each.at:%F %T}"),
            plain(each.action, STYLES.get(each.action, "")),
            plain(f"{each.port}/{each.protocol}", "bold"),
            plain(each.host_id, longest=lines.LONGEST),
            plain(each.project, longest=lines.LONGEST),
            plain(each.performed_by or each.seen_on, longest=lines.LONGEST),
            plain(in_words(each.details)),
        )
    return drawn
