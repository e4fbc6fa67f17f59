from datetime import timedelta

from django.core.management import BaseCommand, CommandError
from django.utils import timezone

from collector import retention
from portatlas.contexts.reservations import retention as of_reservations


class Command(BaseCommand):
    help = (
        "Delete events older than so many days, those of reservations too. Ports, hosts, coverage, "
        "notes and what is reserved always stay."
    )

    def add_arguments(self, parser):
        parser.add_argument("--days", type=int, default=365, help="how old (default: 365)")
        parser.add_argument("--dry-run", action="store_true", help="count, but delete nothing")

    def handle(self, *, days, dry_run, **options):
        if not 1 <= days <= 36500:
            raise CommandError("--days takes a number from 1 to 36500.")
        before = timezone.now() - timedelta(days=days)
        if dry_run:
            old = [*retention.events_before(before), of_reservations.lines_before(before)]
            count = sum(events.count() for events in old)
            self.stdout.write(f"{count} events are older than {days} days. Nothing was deleted.")
        else:
            count = retention.prune(before) + of_reservations.prune(before)
            self.stdout.write(f"Deleted {count} events older than {days} days.")
