"""
A command that is run for somebody: it is there before it begins, and signals are passed on to it.

It lives on if whoever runs it is killed, for then nobody can say that it should not.
"""

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from contextlib import suppress
from pathlib import Path

LAUNCHER = Path(__file__).with_name("launcher.py")
# What is passed on. What a terminal sends, it sends to the command as well.
PASSED_ON = {
    *(signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGQUIT),
    *(signal.SIGUSR1, signal.SIGUSR2),
}
SI_KERNEL = 0x80  # of a signal that no process sent (asm-generic/siginfo.h)


class Errand:
    """A command, begun by `begin`; until then its process only waits."""

    def __init__(self, command: Sequence[str]):
        end, self._pipe = os.pipe()
        try:
            self._process = subprocess.Popen(  # noqa: S603  # what it is for
                [sys.executable, "-I", "-S", str(LAUNCHER), str(end), *command],
                pass_fds=[end],
                env=environment(),
            )
        except BaseException:
            os.close(self._pipe)
            raise
        finally:
            os.close(end)

    @property
    def pid(self) -> int:
        """Its process, before it begins and afterwards."""
        return self._process.pid

    def give_up(self) -> None:
        """Have it end without having begun."""
        os.close(self._pipe)
        self._process.wait()

    def run(self, told: Mapping[str, str]) -> int:
        """
        Begin it with these variables of the environment, and wait for its end.

        Returns its exit code, 128 and the number of the signal if one ended it, as a shell does.
        Signals to this process are its own meanwhile. To be called by the main thread.
        """
        heeded = {*PASSED_ON, signal.SIGCHLD}
        before = signal.pthread_sigmask(signal.SIG_BLOCK, heeded)
        try:
            with (
                suppress(BrokenPipeError),  # it was ended before it began
                open(self._pipe, "w", encoding="utf-8") as pipe,  # noqa: PTH123  # it has no path
            ):
                json.dump(dict(told), pipe)
            self._pass_on_until_it_ends(heeded)
            while signal.sigtimedwait(heeded, 0):
                pass  # it came too late, and is nothing to end for before the ports are released
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)
        code = self._process.wait()
        return 128 - code if code < 0 else code

    def _pass_on_until_it_ends(self, heeded: AbstractSet[signal.Signals]) -> None:
        # Another thread may get the SIGCHLD of the kernel; this one is for us alone.
        here, has_ended = threading.get_ident(), threading.Event()

        def wait() -> None:
            # Not reaped: so long its PID is nobody else's, whatever is sent to it.
            os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOWAIT)
            has_ended.set()
            signal.pthread_kill(here, signal.SIGCHLD)

        waiting = threading.Thread(target=wait)
        waiting.start()
        while not has_ended.is_set():
            found = signal.sigwaitinfo(heeded)
            if found.si_signo in PASSED_ON and found.si_code != SI_KERNEL:
                os.kill(self.pid, found.si_signo)
        waiting.join()


def environment() -> dict[str, str]:
    """Return what this process was started with: Django sets a time zone and more for itself."""
    pairs = Path("/proc/self/environ").read_bytes().split(b"\0")
    found = (os.fsdecode(pair).partition("=") for pair in pairs)
    return {name: value for name, equals, value in found if equals}
