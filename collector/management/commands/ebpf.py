from django.core.management import BaseCommand, CommandError

from collector.ebpf import compiler


class Command(BaseCommand):
    help = "Compile the programs by which the kernel tells of ports: takes clang and libbpf-dev."

    def add_arguments(self, parser):
        actions = parser.add_subparsers(dest="action", metavar="build", required=True)
        actions.add_parser("build", help="write the object, beside its source")

    def handle(self, **options):
        try:
            target = compiler.build()
        except (compiler.CompileError, OSError) as exc:
            raise CommandError(str(exc)) from exc
        self.stdout.write(f"{target.name}: {target.stat().st_size} bytes.")
