"""`note`: show, write or delete the note about a port."""

import json
import sys
from datetime import date

from django.conf import settings
from django.core.exceptions import NON_FIELD_ERRORS
from django.core.management import CommandError
from django.utils import timezone
from rest_framework.utils.encoders import JSONEncoder

from notes import services
from notes.models import EVERY_HOST, LONGEST, PortNote, named
from portatlas.api.note_serializers import NoteSerializer
from portatlas.terminal import note_writing
from portatlas.terminal.door import Door, wrong
from portatlas.terminal.exits import Exit
from portatlas.terminal.meaning import Meaning
from portatlas.terminal.note_sheet import memory
from portatlas.terminal.screen import prose
from portatlas.terminal.target import FORMS, Target

SAID = {  # options, and the fields that they say
    "title": "title",
    "risk": "risk_level",
    "owner": "owner",
    "type": "service_type",
    "tags": "tags",
    "scope": "expected_scope",
    "review_by": "review_by",
    "description": "description",
}


class Command(Door):
    help = (
        "Write the note about a port, or show it if nothing is said. What is not said stays as "
        "it is; '' clears it. A port that was never seen may have a note, too."
    )

    def add_arguments(self, parser):
        parser.add_argument("port", metavar="PORT", help=FORMS)
        parser.add_argument("--host", default="", help="the host, '*' for every host")
        parser.add_argument("--protocol", choices=PortNote.Protocol.values, default="")
        parser.add_argument("--title", help="what it is")
        parser.add_argument("--risk", choices=PortNote.RiskLevel.values)
        parser.add_argument("--owner", help="who to ask about it")
        parser.add_argument(
            "--type",
            choices=PortNote.ServiceType.values,
            metavar="TYPE",
            help=", ".join(PortNote.ServiceType.values),
        )
        words = "lower-case words between commas or blanks"
        parser.add_argument("--tags", help=f"{words}, in place of those it has")
        parser.add_argument("--add-tags", default="", help=f"{words}, beside those it has")
        parser.add_argument(
            "--scope",
            choices=["", *PortNote.ExpectedScope.values],
            help="how far it may be open; wider is suspicious",
        )
        parser.add_argument("--review-by", metavar="DATE", help="when to look again: 2027-01-31")
        parser.add_argument(
            "--description", metavar="TEXT", help="Markdown; - reads standard input"
        )
        parser.add_argument("--delete", action="store_true", help="delete it; its history stays")
        parser.add_argument("--json", action="store_true", help="print the note as the API has it")

    def handle(self, *, port, **options):
        said = {SAID[name]: options[name] for name in SAID if options[name] is not None}
        writes = bool(said or options["add_tags"])
        if options["delete"] and writes:
            raise wrong("--delete goes alone: a note is deleted or written.")
        if said.get("review_by"):
            said["review_by"] = a_date(said["review_by"])
        try:
            target = Target.parse(port, host_id=options["host"], protocol=options["protocol"])
            meaning = Meaning.of(target, here=settings.PORTATLAS_HOST_ID)
        except ValueError as exc:
            raise wrong(str(exc)) from exc
        try:
            if options["delete"]:
                self.delete(meaning, target)
            elif writes:
                self.write(meaning, said, options)
            else:
                self.show(meaning, options)
        except (services.NoteChangedError, services.NoteExistsError) as exc:
            text = f"{exc} Nothing was written: read it again, and say it once more."
            raise CommandError(text, returncode=Exit.CHANGED) from exc

    def write(self, meaning: Meaning, said: dict, options) -> None:
        if said.get("description") == "-":
            said["description"] = standard_input()
        note = note_writing.begun(meaning)
        before = meaning.note or meaning.inherited or note_writing.BLANK
        form = note_writing.form(note, said, options["add_tags"])
        if form.has_error(NON_FIELD_ERRORS):  # each field is right, so it is the key that is taken
            raise services.NoteExistsError(note_writing.errors(form))
        if not form.is_valid():
            raise wrong(f"Nothing was written. {note_writing.errors(form)}")
        for typed in filter(None, (options["tags"], options["add_tags"])):
            if read := note_writing.as_read(typed):
                self.warn(read)
        told = list(note_writing.differences(before, form.instance))
        if meaning.note and not told:
            self.tell(meaning.note, options, "Nothing changed: the note says that already.")
            return
        note_writing.write(form.instance, form.cleaned_data["seen"])
        verb = "Changed" if meaning.note else "Wrote"
        lines = [f"{verb} the note about {named(meaning.key)}.", *(f"  {line}" for line in told)]
        if meaning.inherited:
            lines.append("The note for every host spoke for it; it has its own now, with the rest.")
        if not (meaning.note or meaning.is_seen):
            lines.append("That port was never seen.")
        self.tell(form.instance, options, *lines)

    def tell(self, note: PortNote, options, *lines: str) -> None:
        if options["json"]:
            self.say(json.dumps(NoteSerializer(note).data, cls=JSONEncoder, indent=2) + "\n")
        else:
            self.say(self.screen(options).text(*map(prose, lines)))

    def show(self, meaning: Meaning, options) -> None:
        note = meaning.note or meaning.inherited
        if note is None:
            self.nothing(f"There is no note about {named(meaning.key)}.")
        if options["json"]:
            self.tell(note, options)
        else:
            told = memory(note, meaning.key, timezone.now())
            self.say(self.screen(options).text(prose(named(meaning.key), "bold"), *told))

    def delete(self, meaning: Meaning, target: Target) -> None:
        is_of_all = meaning.key[0] == EVERY_HOST
        if meaning.inherited or (is_of_all and target.host_id != EVERY_HOST):
            raise wrong(
                f"The note about {named(meaning.key)} speaks for every host: "
                "if that is meant, delete it with --host '*'."
            )
        if meaning.note is None:
            self.nothing(f"There is no note about {named(meaning.key)}.")
        services.delete(meaning.note, by=None, seen=meaning.note.version)
        self.say(f"Deleted the note about {named(meaning.key)}. Its history stays.\n")


def a_date(text: str) -> date:
    """Read a day as an import does: YYYY-MM-DD, and none of the other forms of ISO 8601."""
    why = "--review-by takes a date like 2027-01-31, or '' for none."
    try:
        day = date.fromisoformat(text)
    except ValueError as exc:
        raise wrong(why) from exc
    if day.isoformat() != text:
        raise wrong(why)
    return day


def standard_input() -> str:
    """Read a description, of which no more than a note may hold is kept in memory."""
    raw = sys.stdin.buffer.read(4 * LONGEST + 1)
    try:
        return raw.decode()
    except UnicodeDecodeError as exc:
        raise wrong(
            "Nothing was written: standard input is no UTF-8 text, or far too long."
        ) from exc
