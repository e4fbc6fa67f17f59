"""`port sysctl`: what tells the kernel of this host to lend no reserved port to a client."""

from django.conf import settings
from django.utils import timezone

from collector import machine
from portatlas.contexts.reservations.models import Reservation
from portatlas.contexts.reservations.values import EVERY_HOST
from portatlas.reserving import kernel_reserved
from portatlas.terminal.port import lines

NAME = "sysctl"
HELP = (
    "Print what keeps the kernel of this host from lending reserved ports to clients, as a file "
    "for /etc/sysctl.d."
)


def add_arguments(parser):
    parser.add_argument("--json", action="store_true", help="print it as JSON")


def run(command, options):
    here, ephemeral = settings.PORTATLAS_HOST_ID, machine.ephemeral_ports()
    # The kernel has one list for both protocols.
    reserved = Reservation.objects.order_by().filter(
        host_id__in=[here, EVERY_HOST], port__gte=ephemeral.start, port__lt=ephemeral.stop
    )
    plan = kernel_reserved.plan(
        here,
        reserved.holding(timezone.now()).values_list("port", flat=True),
        ephemeral=ephemeral,
        kept=machine.reserved_ports(),
    )
    if not options["json"]:
        command.say(kernel_reserved.drop_in(plan))
        return
    told = {
        "host_id": here,
        "ephemeral": [ephemeral.start, ephemeral.stop - 1],
        "added": list(plan.added),
        "kept": list(plan.kept),
        "name": kernel_reserved.NAME,
        "value": plan.spans,
    }
    command.say(lines.as_text(told))
