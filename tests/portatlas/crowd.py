"""
Many processes of one database at once: `python -m tests.portatlas.crowd JOBS`, as JSON.

Django is set up once, a process is forked for each job, and all of them begin together. A job is
the name of a function of rivals.py and its arguments. What each of them told and how it ended is
printed as JSON, with what is in the database then.
"""

import json
import sys
from multiprocessing import get_context

import django
from django.db import connection

fork = get_context("fork")


def act(job, gate, tells) -> None:
    """Do a job as soon as all can begin, and tell what became of it."""
    from tests.portatlas import rivals  # noqa: PLC0415  # needs Django set up

    name, *arguments = job
    connection.ensure_connection()
    gate.wait()
    try:
        tells.send(getattr(rivals, name)(*arguments))
    except Exception as exc:  # noqa: BLE001  # whatever it is, a test has to hear of it
        tells.send(f"{type(exc).__name__}: {exc}")
    connection.close()


def at_once(jobs: list) -> tuple[list, list]:
    """Return what each of the jobs told, and with which code its process ended."""
    gate, processes, told = fork.Barrier(len(jobs)), [], []
    for job in jobs:
        hears, tells = fork.Pipe(duplex=False)
        process = fork.Process(target=act, args=(job, gate, tells))
        process.start()
        tells.close()
        processes.append((process, hears))
    for process, hears in processes:
        try:
            told.append(hears.recv())
        except EOFError:  # it was killed
            told.append(None)
        process.join()
    return told, [process.exitcode for process, _hears in processes]


def main(jobs: list) -> None:
    from portatlas.contexts.reservations import models  # noqa: PLC0415  # needs Django set up
    from tests.portatlas import rivals  # noqa: F401, PLC0415  # read once, not in each process

    told, ends = at_once(jobs)
    rows = models.Reservation.objects.values_list("project", "port")
    lines = models.ReservationEvent.objects.values_list("project", "port", "action")
    json.dump({"told": told, "ends": ends, "rows": [*rows], "history": [*lines]}, sys.stdout)


if __name__ == "__main__":
    django.setup()
    main(json.loads(sys.argv[1]))
