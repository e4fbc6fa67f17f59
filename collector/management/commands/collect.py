import json
import sys
from pathlib import Path

from django.conf import settings
from django.core.management import BaseCommand, CommandError
from django.db import DatabaseError
from django.utils import timezone

from collector import hearsay, look, schedule, services
from collector.lock import SweepRunningError, sweep_lock
from collector.look import Watch
from collector.ss import ParseError
from collector.sweep import Sweep, Verdict


class Command(BaseCommand):
    help = "Look at this host now, without waiting for beat, or read saved output of `ss -lntupHe`."

    def add_arguments(self, parser):
        parser.add_argument("--json", action="store_true", help="print the sweep as JSON")
        parser.add_argument("--dry-run", action="store_true", help="look, but record nothing")
        parser.add_argument("--from", dest="file", metavar="FILE", help="saved output, - for stdin")
        parser.add_argument("--host", metavar="NAME", help="the host that FILE was saved on")
        parser.add_argument(
            "--confirm",
            action="store_true",
            help="believe FILE even if half or more of the known ports are missing from it",
        )

    def handle(self, *, file, host, dry_run, confirm, json, **options):
        if (file is None) != (host is None) or "" in {file, host}:
            raise CommandError("--from FILE and --host NAME go together: whose output is it?")
        if confirm and not file:
            raise CommandError("--confirm is for --from FILE; a live look is repeated instead.")
        try:
            if file:
                outcome = self.read(file, host, dry_run=dry_run, confirm=confirm)
            else:
                outcome = self.look() if dry_run else self.collect()
        except (SweepRunningError, services.SweepRefusedError) as exc:
            raise CommandError(str(exc)) from exc
        except DatabaseError as exc:
            is_new = "no such table" in str(exc) or "does not exist" in str(exc)
            hint = " Run python3 manage.py migrate first." if is_new else ""
            raise CommandError(f"The database can't be used: {exc}.{hint}") from exc
        if outcome.dropped:
            raise CommandError("Not recorded: a newer look at this host already is.")
        self.stdout.write(as_json(outcome.sweep) if json else as_text(outcome, dry_run=dry_run))
        if outcome.sweep.verdict in {Verdict.FAILED, Verdict.SUSPECT}:
            raise CommandError("Nothing was recorded but that this look can't be believed.")

    def look(self) -> services.Outcome:
        return services.Outcome(
            Watch(hearsay.bell(settings.DATA_DIR)).look(
                settings.PORTATLAS_HOST_ID,
                at=timezone.now(),
                timeout=settings.PORTATLAS_SS_TIMEOUT,
            )
        )

    def collect(self) -> services.Outcome:
        with sweep_lock(settings.DATA_DIR):
            return services.collect(
                Watch(hearsay.bell(settings.DATA_DIR)),
                settings.PORTATLAS_HOST_ID,
                clock=timezone.now,
                timeout=settings.PORTATLAS_SS_TIMEOUT,
                interval=schedule.interval(),
                alive_every=settings.PORTATLAS_ALIVE_EVERY,
            )

    def read(self, file: str, host: str, *, dry_run: bool, confirm: bool) -> services.Outcome:
        try:
            output = sys.stdin.buffer.read() if file == "-" else Path(file).read_bytes()
            sweep = look.at_saved_output(output, host, at=timezone.now())
        except OSError as exc:
            raise CommandError(f"{file} can't be read: {exc.strerror}.") from exc
        except ParseError as exc:
            raise CommandError(f"{file} is no output of ss: {exc}") from exc
        if dry_run:
            return services.Outcome(sweep)
        return services.reconcile(
            sweep, confirmed=confirm, alive_every=settings.PORTATLAS_ALIVE_EVERY
        )


def as_json(sweep: Sweep) -> str:
    return json.dumps(sweep.as_json(), indent=2)


def as_text(outcome: services.Outcome, *, dry_run: bool) -> str:
    sweep = outcome.sweep
    count = len(sweep.listeners)
    lines = [f"{sweep.host_id}: {count} {'port' if count == 1 else 'ports'}, {sweep.verdict}."]
    if dry_run:
        lines.append("A dry run: nothing was recorded.")
    else:
        lines.append(
            f"{outcome.appeared} appeared, {outcome.disappeared} disappeared, "
            f"{outcome.rebound} re-bound."
        )
    return "\n".join([*lines, *filter(None, [sweep.reason, sweep.owners_reason])])
