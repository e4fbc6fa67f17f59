from pathlib import Path

from django.core.management import BaseCommand, CommandError

from collector.agent import archive


class Command(BaseCommand):
    help = "Build the agent: one file that any host with Python 3.9 and psutil runs."

    def add_arguments(self, parser):
        actions = parser.add_subparsers(dest="action", metavar="build", required=True)
        build = actions.add_parser("build", help=f"write {archive.NAME}")
        build.add_argument(
            "file", nargs="?", default=archive.NAME, metavar="FILE", help="default: %(default)s"
        )

    def handle(self, *, file, **options):
        data = archive.build()
        path = Path(file)
        try:
            path.write_bytes(data)
            path.chmod(0o755)
        except OSError as exc:
            raise CommandError(f"{file} can't be written: {exc.strerror}.") from exc
        self.stdout.write(f"{file}: {len(data)} bytes.")
