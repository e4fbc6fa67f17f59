"""
`manage.py notes`: write the notes into a file, take them from one, draft them from what is there.

It ends as all commands do: with 0 when it is done, 1 when the database can't be used, 2 when the
file or the command line can't, and 4 when notes differ from the file and nothing was written.
"""

import json
import os
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

from django.conf import settings
from django.core.management import BaseCommand, CommandError
from django.db import DatabaseError
from django.utils import timezone

from notes.exchange import formats, report, services, sources
from notes.exchange.entry import Entry
from notes.exchange.faults import BadFileError, EditedError
from notes.exchange.formats import Format
from notes.exchange.plan import Plan
from notes.exchange.sources import DRAFTS, Kind
from notes.models import PortNote
from notes.services import NoteChangedError

# As portatlas.terminal.exits has them, which this does without.
NO_DATABASE, BAD_FILE, CHANGED = 1, 2, 4
STANDARD = "-"
DRAFTED = [Format.YAML, Format.JSON]  # a table can't leave out what isn't known of a port
SUFFIXES = {".yaml": Format.YAML, ".yml": Format.YAML, ".json": Format.JSON, ".csv": Format.CSV}


class Command(BaseCommand):
    help = (
        "Export and import notes, or draft them from a compose file, a Caddyfile, nmap -oX or a "
        "table. Exit codes: 0 done; 1 no database; 2 bad file or command line; 4 notes differ from "
        "the file, or somebody kept writing them, and nothing was written."
    )

    def add_arguments(self, parser):
        verbs = parser.add_subparsers(dest="verb", required=True, metavar="export|import|draft")

        export = verbs.add_parser("export", help="write notes into a file")
        export.add_argument("file", nargs="?", default=STANDARD, help="default: standard output")
        export.add_argument("--format", choices=[*Format], help="default: as FILE ends, else yaml")
        export.add_argument("--host", help="only notes of this host; * for those for every host")

        take = verbs.add_parser("import", help="write into notes what a file says")
        take.add_argument("file", help="- for standard input")
        take.add_argument("--format", choices=[*Format], help="default: as it looks")
        take.add_argument("--dry-run", action="store_true", help="tell, but write nothing")
        take.add_argument(
            "--replace", action="store_true", help="let the file win where a note differs"
        )
        take.add_argument(
            "--edited", action="store_true", help="take it although its checksum doesn't fit"
        )
        take.add_argument("--json", action="store_true", help="print the report as JSON")

        draft = verbs.add_parser("draft", help="make a file to review and import, write no note")
        draft.add_argument("file", help="- for standard input")
        draft.add_argument(
            "--from", dest="kind", required=True, choices=[kind.value for kind in DRAFTS]
        )
        draft.add_argument("--host", help="whose ports they are; default: this host, or as it says")
        draft.add_argument("-o", "--output", default=STANDARD, help="default: standard output")
        draft.add_argument("--format", choices=DRAFTED, help="default: as OUTPUT ends, else yaml")

    def handle(self, *, verb, **options):
        try:
            {"export": self.export, "import": self.take, "draft": self.draft}[verb](**options)
        except BadFileError as exc:
            self._refuse(options["file"], exc, in_json=options.get("json", False))
        except NoteChangedError as exc:
            if options["json"]:
                self.stdout.write(as_json({"outcome": "overtaken"}))
            raise CommandError(f"{exc} {report.AGAIN}", returncode=CHANGED) from exc
        except DatabaseError as exc:
            is_new = "no such table" in str(exc) or "does not exist" in str(exc)
            hint = " Run python3 manage.py migrate first." if is_new else ""
            raise CommandError(
                f"The database can't be used: {exc}.{hint}", returncode=NO_DATABASE
            ) from exc

    def export(self, *, file, format, host, **options):  # noqa: A002  # as the option is called
        notes = PortNote.objects.filter(host_id=host) if host else PortNote.objects.all()
        document = services.collect(notes)
        self._put(file, formats.dump(document, _format(format, file)))
        if file != STANDARD:
            number = len(document.entries)
            self.stderr.write(
                f"{number} {'note is' if number == 1 else 'notes are'} in {file} now."
            )

    def take(self, *, file, format, dry_run, replace, edited, json, **options):  # noqa: A002, PLR0913  # as the options are called
        text = formats.decode(_read(file))
        kind = Kind(format) if format else sources.guess(file, text)
        if kind in DRAFTS:
            why = f"This looks like a file for notes draft --from {kind}: no export of notes."
            raise BadFileError.at(0, why)
        entries = sources.read(text, kind, edited=edited).entries
        plan = self._plan(entries, file, replace=replace, dry_run=dry_run)
        is_refused = bool(plan.conflicts) and not replace
        outcome = "conflicts" if is_refused else "dry run" if dry_run else "written"
        if json:
            self.stdout.write(as_json(report.as_values(plan, outcome=outcome, replaced=replace)))
        else:
            for line in report.lines(plan, replaced=replace, unit=kind.unit):
                self.stdout.write(line)
        if is_refused:
            why = "Nothing was written: say --replace to let the file win where it differs."
            raise CommandError(why, returncode=CHANGED)
        if dry_run:
            self.stderr.write("A dry run: nothing was written.")

    def draft(self, *, file, kind, host, output, format, **options):  # noqa: A002  # as above
        kind = Kind(kind)
        if host is None and kind in {Kind.COMPOSE, Kind.CADDY}:
            host = settings.PORTATLAS_HOST_ID
        form = _format(format, output)
        if form not in DRAFTED:
            raise CommandError("A draft is YAML or JSON.", returncode=BAD_FILE)
        content = sources.read(formats.decode(_read(file)), kind, host=host)
        for remark in content.remarks:
            self.stderr.write(remark)
        self._put(output, formats.dump(content, form, sealed=False))

    def _plan(self, entries: Sequence[Entry], file: str, *, replace: bool, dry_run: bool) -> Plan:
        if dry_run:
            return services.look(entries)
        reason = f"imported from {'standard input' if file == STANDARD else Path(file).name}"
        try:
            return services.write(
                entries, replace=replace, by=None, at=timezone.now(), reason=reason
            )
        except services.NotWrittenError as exc:
            return exc.plan

    def _put(self, file: str, data: bytes) -> None:
        """Write a file whole or not at all, or to standard output."""
        if file != STANDARD:
            _write(Path(file), data)
        elif buffer := getattr(self.stdout, "buffer", None):
            try:
                buffer.write(data)
                buffer.flush()
            except OSError as exc:
                why = f"Standard output can't be written: {exc.strerror}."
                raise CommandError(why, returncode=NO_DATABASE) from exc
        else:
            self.stdout.write(data.decode(), ending="")

    def _refuse(self, file: str, exc: BadFileError, *, in_json: bool) -> NoReturn:
        if in_json:
            faults = [fault._asdict() for fault in exc.faults]
            self.stdout.write(as_json({"outcome": "bad file", "unit": exc.unit, "faults": faults}))
        what = [f"{file} can't be taken, and nothing of it was:", *exc.lines]
        if isinstance(exc, EditedError):
            what.append("If you edited it, say --edited, and it is taken as it is.")
        raise CommandError("\n".join(what), returncode=BAD_FILE) from exc


def as_json(values: object) -> str:
    return json.dumps(values, indent=2, default=str)


def _format(said: str | None, file: str) -> Format:
    return Format(said or SUFFIXES.get(Path(file).suffix.lower(), Format.YAML))


def _read(file: str) -> bytes:
    """Return what is in a file, one byte more than is taken at the most."""
    most = formats.MOST_BYTES + 1
    try:
        if file == STANDARD:
            return sys.stdin.buffer.read(most)
        with Path(file).open("rb") as opened:
            return opened.read(most)
    except (OSError, ValueError) as exc:  # ValueError: a name with NUL
        why = getattr(exc, "strerror", None) or exc
        raise CommandError(f"{file} can't be read: {why}.", returncode=BAD_FILE) from exc


def _write(path: Path, data: bytes) -> None:
    """
    Write a file beside its place, and put it there when it is whole.

    Who may read it stays as it was. A link is followed, and what is no file is written into.
    """
    try:
        path = path.resolve()
        if path.exists() and not path.is_file():
            with path.open("wb") as opened:
                opened.write(data)
            return
        beside = path.with_name(f".{path.name}.{os.getpid()}")
        try:
            beside.touch(0o600 if path.exists() else 0o666, exist_ok=False)
            if path.exists():
                shutil.copymode(path, beside)
            beside.write_bytes(data)
            beside.replace(path)
        finally:
            beside.unlink(missing_ok=True)
    except (OSError, ValueError) as exc:
        why = getattr(exc, "strerror", None) or exc
        raise CommandError(f"{path} can't be written: {why}.", returncode=BAD_FILE) from exc
