from contextlib import ExitStack, suppress

from django.conf import settings
from django.core.management import BaseCommand, CommandError

from collector import hearsay, schedule, tasks
from collector.bell import Bell
from collector.lock import stir, watch_lock
from collector.look import Watch
from collector.vigil import Vigil
from collector.wake import StoppedError, Wake

KERNEL_TELLS = "The kernel tells of each port that opens or closes here, by eBPF."
NOTHING_TELLS = "Nothing tells of ports between two looks here."


class Command(BaseCommand):
    help = (
        "Look at this host whenever its kernel tells that a port has opened or closed, and in each "
        "interval of the schedule. Ctrl-C stops it."
    )
    requires_system_checks = ()  # they load every page

    def add_arguments(self, parser):
        parser.add_argument(
            "--check",
            action="store_true",
            help="say whether the kernel tells of ports here; end with 1, and why, if it does not",
        )

    def handle(self, *, check, **options):
        if check:
            self.check_kernel()
        else:
            self.watch()

    def check_kernel(self):
        bell = Bell.hang()
        bell.close()
        if bell.reason:
            raise CommandError(f"{NOTHING_TELLS} {bell.reason}")
        self.stdout.write(KERNEL_TELLS)

    def watch(self):
        wake = Wake()
        wake.listen()
        with suppress(StoppedError), ExitStack() as stack:
            with wake.interrupting():
                lock = watch_lock(settings.DATA_DIR, self.say_that_it_waits)
                file = stack.enter_context(lock)
                wake.bell = Bell.hang()
            stack.callback(wake.bell.close)
            hearsay.write(wake.bell, file)
            self.say(f"{NOTHING_TELLS} {reason}" if (reason := wake.bell.reason) else KERNEL_TELLS)
            eyes = Watch(wake.bell)

            def interval():
                stir(file)
                return schedule.interval()

            Vigil(wake, interval, lambda interval: tasks.look(eyes, interval)).run()

    def say_that_it_waits(self):
        self.say("Another process watches this machine: this one waits for it to end.")

    def say(self, line):
        self.stdout.write(line)
        self.stdout.flush()
