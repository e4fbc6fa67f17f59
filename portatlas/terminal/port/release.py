"""`port release`: ports that a project needs no more."""

from django.db import transaction
from django.utils import timezone

from portatlas.contexts.reservations import services
from portatlas.contexts.reservations.values import named
from portatlas.terminal.door import wrong
from portatlas.terminal.port import key, lines
from portatlas.terminal.port.performer import add_argument as add_performer
from portatlas.terminal.port.performer import performer

NAME = "release"
HELP = "Release ports, all of them or none, or with --project all that a project has."


def add_arguments(parser):
    key.add_arguments(parser, nargs="*")
    parser.add_argument("--project", help="all that this project has reserved, on every host")
    add_performer(parser)
    parser.add_argument("--json", action="store_true", help="print how many were released")


def run(command, options):
    by, now, project = performer(command, options), timezone.now(), options["project"]
    if bool(options["port"]) == (project is not None):
        raise wrong("Say which ports to release, or --project.")
    if project is not None:
        if options["host"] or options["protocol"]:
            raise wrong("--project releases all that it has: --host and --protocol go with ports.")
        count = services.release_project(project, by=by, at=now)
        if not count:
            command.nothing(f"The project {project} has reserved nothing.")
        told = [f"Released {lines.ports(count)} of {project}."]
    else:
        keys = dict.fromkeys(key.read(text, options) for text in options["port"])
        with transaction.atomic():
            released = [services.release(each, by=by, at=now) for each in keys]
        count = len(released)
        told = [f"Released {named(each.key)}, which {each.project} had." for each in released]
    if options["json"]:
        command.say(lines.as_text({"released": count}))
    else:
        lines.show(command, options, *told)
