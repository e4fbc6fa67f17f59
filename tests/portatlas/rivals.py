"""What the processes of a crowd do, each with a database of which the others want the same."""

import os
import signal
from datetime import timedelta

from django.db import connection

from collector.services import reconcile
from notes.models import PortNote
from portatlas.contexts.reservations import services
from portatlas.contexts.reservations.models import Reservation
from portatlas.contexts.reservations.querysets import Place
from portatlas.contexts.reservations.services import Actor
from portatlas.reserving import observing
from portatlas.reserving.ground import Ground, Wanted
from tests.collector.sweeps import listener
from tests.collector.sweeps import sweep as look
from tests.conftest import NOON

NOW = NOON + timedelta(hours=1)
GROUND = Ground("atlas", range(8000, 10000))


def request(name: str, count: int) -> list[int]:
    """Ask for ports, for a program: so triggers of the index look at facts."""
    terms = {"process_name": "nginx"}
    wanted = Wanted(name, count=count)
    found = GROUND.request(Place("atlas", "tcp"), wanted, terms, by=Actor(name), at=NOW)
    return [each.port for each in found]


def die(name: str, count: int, statement: int) -> list[int]:
    """Ask for ports, and get SIGKILL when so many statements of it were done."""
    done = 0

    def count_down(execute, sql, values, many, context):
        nonlocal done
        answer = execute(sql, values, many, context)
        done += 1
        if done == statement:
            os.kill(os.getpid(), signal.SIGKILL)
        return answer

    with connection.execute_wrapper(count_down):
        return request(name, count)


def reserve(name: str, first: int, count: int) -> None:
    """Reserve ports one by one, and release every second one again."""
    for port in range(first, first + count):
        wanted = Reservation(
            host_id="atlas", protocol="tcp", port=port, project=name, process_name="nginx"
        )
        GROUND.reserve(wanted, by=Actor(name), at=NOW, even_if_held=True)
        if port % 2:
            services.release(wanted.key, by=Actor(name), at=NOW)


def sweep(first: int, looks: int) -> None:
    """Record looks at a host on which ports come and go, and tell reservations of it."""
    for number in range(looks):
        listeners = [listener(first + port) for port in range(number % 3, 20 + number % 3)]
        found = reconcile(look(*listeners, ticks=number), confirmed=True)
        if found.changed:
            observing.follow("atlas", found.changed, at=NOW)


def note(first: int, count: int) -> None:
    """Write notes for every host, and delete them."""
    for port in range(first, first + count):
        PortNote.objects.create(host_id="*", protocol="tcp", port=port, title="a port").delete()


def look_after(times: int) -> None:
    """Release what has run out, as the worker does."""
    for _each in range(times):
        observing.look_after(NOW, here="elsewhere")
