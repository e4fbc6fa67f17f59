"""
The supervisor of embedded mode: it starts its children, restarts them and ends with all of them.

    python -I -S portatlas/supervisor.py PLAN

PLAN is JSON: `children` maps a name to a command, the one that serves first; `url` is where it
serves; `door` is the handle of the listening socket, which they inherit; `began` is the Unix
time of the start; `head_start`, `delay` and `grace` may replace the seconds given below.

Standard library only, and run as a file: importing the package would load Celery and cost
four times the memory. It sleeps until a signal, a line of output or a time it set itself.
"""

import contextlib
import json
import os
import selectors
import signal
import socket
import subprocess
import sys
import time
from collections import deque
from operator import itemgetter

DEATHS, WITHIN = 5, 60  # so many deaths of one child in so many seconds are too many
HEAD_START = 3  # seconds, at most, that the first child has the processors for itself
DELAY = 0.5  # seconds until the first restart; it doubles with each death
GRACE = 8  # seconds from asking children to end to killing them
LONGEST_LINE = 8192  # bytes
LAST_LINES = 20
PR_SET_PDEATHSIG = 1  # from linux/prctl.h


def printable(raw: bytes) -> str:
    """Make a line safe for a terminal: processes on this machine choose parts of what is logged."""
    text = raw.decode("utf-8", "backslashreplace").replace("\t", "    ")
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)


def say(line: str) -> None:
    with contextlib.suppress(OSError):  # a terminal that went away must not end us in disorder
        os.write(1, f"{line}\n".encode("utf-8", "backslashreplace"))


def end_with(parent: int):
    """
    Return what a child does before it becomes its command: arrange to die with its parent.

    The kernel doesn't hand this on to the child's own children; gunicorn's worker looks after
    its parent every second.
    """

    def prepare():
        import ctypes  # noqa: PLC0415  # only the child needs it; the supervisor stays small

        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:  # the parent died before we asked
            os._exit(1)

    return prepare


class Child:
    """One supervised command, through all its lives. It leads a process group of its own."""

    def __init__(self, name: str, command: list[str], handles: list[int], width: int):
        self.name = name
        self.command = command
        self.handles = handles
        self.prefix = f"{name:{width}} | "
        self.process = None
        self.was_started = False
        self.deaths = deque(maxlen=DEATHS)
        self.last_lines = deque(maxlen=LAST_LINES)
        self._rest = b""  # a line that isn't complete yet

    def start(self) -> None:
        self.was_started = True
        self.process = subprocess.Popen(  # noqa: S603  # the plan is ours
            self.command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            bufsize=0,
            start_new_session=True,
            pass_fds=self.handles,
            preexec_fn=end_with(os.getpid()) if sys.platform == "linux" else None,  # noqa: PLW1509  # no threads here
        )
        os.set_blocking(self.process.stdout.fileno(), False)

    def signal(self, number: int) -> None:
        """Signal the whole group when killing, else its leader, who knows the order to end in."""
        if self.process and number == signal.SIGKILL:
            os.killpg(self.process.pid, number)
        elif self.process:
            self.process.send_signal(number)

    def has_ended(self) -> bool:
        """Tell without reaping, so that the process group keeps its number."""
        options = os.WEXITED | os.WNOHANG | os.WNOWAIT
        return bool(self.process and os.waitid(os.P_PID, self.process.pid, options))

    def bury(self) -> str:
        """Take away what an ended child left running and return how it ended."""
        self.signal(signal.SIGKILL)
        status = self.process.wait()
        with contextlib.suppress(BlockingIOError):  # something that left the group still writes
            while self.pass_on():
                pass
        self._print(self._rest)
        self._rest = b""
        self.process.stdout.close()
        self.process = None
        return f"status {status}" if status >= 0 else signal.Signals(-status).name

    def pass_on(self) -> bool:
        """Print what the child has written since; return False at the end of its output."""
        data = os.read(self.process.stdout.fileno(), 65536)
        *lines, self._rest = (self._rest + data).split(b"\n")
        if len(self._rest) > LONGEST_LINE:
            lines.append(self._rest)
            self._rest = b""
        for line in lines:
            self._print(line)
        return bool(data)

    def _print(self, line: bytes) -> None:
        if text := printable(line.rstrip(b"\r")):
            self.last_lines.append(text)
            say(self.prefix + text)


class Supervisor:
    def __init__(self, plan: dict):
        self.plan = plan
        self.door = socket.socket(fileno=plan["door"])
        width = max(map(len, plan["children"]))
        self.children = [
            Child(name, command, [plan["door"]], width)
            for name, command in plan["children"].items()
        ]
        self.selector = selectors.DefaultSelector()
        self.timers = []  # (when, what to do)
        self.is_stopping = False
        self.status = 0

    def run(self) -> int:
        """Return the exit status once all children have ended."""
        self.watch_signals()
        try:
            self.start(self.children[0])
            self.later(self.plan.get("head_start", HEAD_START), self.start_the_rest)
            self.knock()
            while not self.is_stopping or any(child.process for child in self.children):
                for key, _ in self.selector.select(self.pause()):
                    key.data()
                self.do_what_is_due()
        finally:
            self.kill()
        return self.status

    # Time

    def later(self, seconds: float, action) -> None:
        self.timers.append((time.monotonic() + seconds, action))
        self.timers.sort(key=itemgetter(0))

    def pause(self) -> float | None:
        return max(0, self.timers[0][0] - time.monotonic()) if self.timers else None

    def do_what_is_due(self) -> None:
        while self.timers and self.timers[0][0] <= time.monotonic():
            _, action = self.timers.pop(0)
            action()

    # Signals

    def watch_signals(self) -> None:
        """Turn signals into bytes that wake the selector."""
        self.signals, writer = os.pipe()
        os.set_blocking(self.signals, False)
        os.set_blocking(writer, False)
        signal.set_wakeup_fd(writer)
        for number in (signal.SIGCHLD, signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            if number != signal.SIGHUP or signal.getsignal(number) != signal.SIG_IGN:  # nohup
                signal.signal(number, lambda *_: None)
        self.selector.register(self.signals, selectors.EVENT_READ, self.on_signal)

    def on_signal(self) -> None:
        for number in os.read(self.signals, 1024):
            if number == signal.SIGCHLD:
                self.bury_the_dead()
            elif self.is_stopping:
                self.kill()
            else:
                say("Port Atlas is stopping.")
                self.stop(0)

    # Children

    def start(self, child: Child) -> None:
        if self.is_stopping:
            return
        try:
            child.start()
        except (OSError, subprocess.SubprocessError) as exc:
            self.restart(child, str(exc))
        else:
            output = child.process.stdout
            self.selector.register(output, selectors.EVENT_READ, lambda: self.pass_on(child))

    def start_the_rest(self) -> None:
        for child in self.children[1:]:
            if not child.was_started:
                self.start(child)

    def pass_on(self, child: Child) -> None:
        if child.process is None:
            return  # its death was heard of, and it buried, in this same round
        with contextlib.suppress(BlockingIOError):
            if not child.pass_on():
                self.selector.unregister(child.process.stdout)

    def bury_the_dead(self) -> None:
        for child in self.children:
            if child.has_ended():
                with contextlib.suppress(KeyError):  # it closed its output before it ended
                    self.selector.unregister(child.process.stdout)
                how = child.bury()
                if not self.is_stopping:
                    self.restart(child, how)

    def restart(self, child: Child, how: str) -> None:
        now = time.monotonic()
        child.deaths.append(now)
        recent = sum(now - death < WITHIN for death in child.deaths)
        if recent == DEATHS:
            say(f"{child.name} ended {DEATHS} times within {WITHIN} s; Port Atlas gives up.")
            say(f"The last lines of {child.name} were:")
            for line in child.last_lines:
                say(f"    {line}")
            self.stop(1)
        else:
            delay = self.plan.get("delay", DELAY) * 2 ** (recent - 1)
            say(f"{child.name} ended ({how}); starting it again in {delay:g} s.")
            self.later(delay, lambda: self.start(child))

    def stop(self, status: int) -> None:
        self.is_stopping, self.status = True, status
        for child in self.children:
            child.signal(signal.SIGTERM)
        self.later(self.plan.get("grace", GRACE), self.kill)

    def kill(self) -> None:
        for child in self.children:
            child.signal(signal.SIGKILL)

    # The door

    def knock(self) -> None:
        """Ask for /healthz. The answer comes when somebody serves, so there is no polling."""
        if self.is_stopping:
            return
        request = "GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
        guest = socket.socket(self.door.family)
        guest.settimeout(1)
        try:
            guest.connect(self.door.getsockname())
            guest.sendall(request.encode())
        except OSError:
            guest.close()
            self.later(1, self.knock)
        else:
            self.selector.register(guest, selectors.EVENT_READ, lambda: self.hear(guest))

    def hear(self, guest: socket.socket) -> None:
        self.selector.unregister(guest)
        with guest, contextlib.suppress(OSError):
            answer = guest.recv(LONGEST_LINE).partition(b"\r\n")[0]
            if answer.startswith(b"HTTP/1.1 200 "):
                took = time.time() - self.plan["began"]
                say(f"Port Atlas is up: {self.plan['url']} ({took:.1f} s). Ctrl-C stops it.")
                self.start_the_rest()
                return
            if answer:
                say(f"Port Atlas answers /healthz with {printable(answer)}; asking again.")
        self.later(1, self.knock)


if __name__ == "__main__":
    sys.exit(Supervisor(json.loads(sys.argv[1])).run())
