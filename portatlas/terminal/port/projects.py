"""`port projects`: who has reserved how many ports."""

from django.utils import timezone

from portatlas.reserving import booking_tally
from portatlas.terminal.port import lines
from portatlas.terminal.screen import plain

NAME = "projects"
HELP = "List the projects: how many ports each has, and on how many something listens."


def add_arguments(parser):
    parser.add_argument("--json", action="store_true", help="answer in JSON")


def run(command, options):
    found = booking_tally.by_project(timezone.now())
    if options["json"]:
        rows = [{"project": name} | counts.as_json() for name, counts in found.items()]
        command.say(lines.as_text(rows))
    elif found:
        lines.show(command, options, table(found))
    if not found:
        command.nothing("No project has reserved a port.")


def table(found: dict[str, booking_tally.Counts]):
    drawn = lines.new_table("project", "ports", "active", "and so they stand")
    for name, counts in found.items():
        told = (plain(name, "bold", lines.LONGEST), plain(counts.ports), plain(counts.active))
        drawn.add_row(*told, plain(counts.sentence, "dim"))
    return drawn
