"""The watch of this machine: a look whenever the kernel or the clock calls for one."""

import logging
from collections.abc import Callable
from time import monotonic

from django.db import DatabaseError, InterfaceError, close_old_connections

from collector.identity import SweepRefusedError
from collector.lock import SweepRunningError
from collector.pace import NEVER
from collector.wake import StoppedError, Wake

logger = logging.getLogger(__name__)

ASKED_EVERY = 60.0  # seconds, at most, until it is noticed that the interval was changed
USUALLY = 15.0  # seconds; the interval as long as nobody can be asked


class Vigil:
    """
    The loop. What it is told of between two looks rings the bell that `wake` waits on.

    `interval` returns the seconds from one look to the next, 0 while nobody is to look; `look`
    is given them, and looks once. Both may raise the errors of a database: that is said once, and
    tried again at the next look.
    """

    def __init__(
        self, wake: Wake, interval: Callable[[], float], look: Callable[[float], None]
    ) -> None:
        self._wake, self._ask, self._look = wake, interval, look
        self._interval = USUALLY
        self._looked_at = -NEVER
        self._trouble = ""  # what was said of it last

    def run(self) -> None:
        """Go on until a signal says stop, and then end at once."""
        try:
            while not self._wake.is_stopping:
                with self._wake.interrupting():
                    self._turn()
                self._wake.wait(min(self._due, monotonic() + ASKED_EVERY) - monotonic())
        except StoppedError:
            pass

    @property
    def _due(self) -> float:
        return self._looked_at + self._interval if self._interval else NEVER

    def _turn(self) -> None:
        """Look, if it is time to."""
        now, bell = monotonic(), self._wake.bell
        is_first, is_rung = self._looked_at == -NEVER, bell.due <= now
        if is_rung:
            bell.looked(now)
        try:
            close_old_connections()
            self._interval = self._ask()
            if self._interval and (is_rung or self._due <= now):
                self._looked_at = now
                self._look(self._interval)
                self._trouble = ""
        except SweepRunningError:
            # That look may have begun before what rang; and of what it saw nothing is known here.
            if is_rung or is_first:
                bell.ring(now)
        except SweepRefusedError as exc:
            self._say(f"No sweep: {exc}")
        except (DatabaseError, InterfaceError) as exc:
            self._looked_at = now
            self._say(f"The database can't be used, and is asked again at the next look: {exc}")

    def _say(self, trouble: str) -> None:
        """Say what keeps it from its work, once, however often it is tried again."""
        kind = trouble.partition(":")[0]
        if kind != self._trouble:
            logger.warning("%s", trouble)
        self._trouble = kind
