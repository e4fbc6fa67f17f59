"""
The worker and the scheduler of `up`: `python -m portatlas.background worker`, or `beat`.

Both are Celery's and do what `celery worker` and `celery beat` do. Only Celery's command line is
left out: it loads all of its commands, a shell among them, which is 10 MB in each of the two.
"""

import sys

from portatlas.celery import app

LOGGED = "WARNING"


def worker():
    """Return a worker that does one thing after the other and asks for no others."""
    return app.Worker(
        pool="solo",
        loglevel=LOGGED,
        quiet=True,
        without_gossip=True,
        without_mingle=True,
        without_heartbeat=True,
    )


def beat():
    return app.Beat(loglevel=LOGGED, quiet=True)


def main(name: str) -> int | None:
    """Be one of the two until a signal ends it, and return the exit status."""
    if name == "beat":
        return beat().run()
    working = worker()
    working.start()
    return working.exitcode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
