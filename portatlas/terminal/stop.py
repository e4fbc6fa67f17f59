"""How a command that runs until it is stopped gets to know of it."""

import select
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def until_stopped() -> Iterator[None]:
    """Let SIGTERM end what is inside as Ctrl-C does; to be stopped is how it ends, no failure."""

    def stop(*_):
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, stop)
    try:
        yield
    except KeyboardInterrupt:
        pass
    finally:
        signal.signal(signal.SIGTERM, before)


class Listener:
    """Whoever reads what is printed: a command that prints seldom must notice that he has gone."""

    def __init__(self):
        self.poller = select.poll()
        self.poller.register(sys.stdout.fileno(), 0)  # errors and hang-ups alone

    def is_gone_after(self, seconds: float) -> bool:
        """Wait so long, or until he has gone; return whether he has."""
        return bool(self.poller.poll(seconds * 1000))
