"""
The actors of the churn: processes that open, share, pass on and close sockets as they are told.

Each waits for orders on a socket named after its PID, and ends when the pipe that is its
standard input does. A program is a copy of Python under a name of its own, so that one may
take over from another.
"""

import ctypes
import json
import os
import select
import shutil
import signal
import socket
import sys
import threading
from array import array
from pathlib import Path

PATIENCE = 30  # seconds for an answer
PR_SET_NAME = 15  # from linux/prctl.h
SO_COOKIE = 57  # from asm-generic/socket.h; ss prints it as `sk:`
LIFELINE, READY = 0, 1  # handles that an actor starts with
KINDS = {"tcp": socket.SOCK_STREAM, "udp": socket.SOCK_DGRAM}


class RefusedError(Exception):
    """An actor could not do what it was told; nothing changed."""


class Actor:
    """An actor, seen from outside. Every order waits until it is done."""

    def __init__(self, pid: int, exe: str, name: str) -> None:
        self.pid = pid
        self.exe = exe
        self.name = name
        self.has_family = False
        stat = Path(f"/proc/{pid}/stat").read_bytes()
        self.started = int(stat.rpartition(b")")[2].split()[19])  # clock ticks from boot

    def open(self, protocol: str, address: str, port: int, *, shared: bool = False) -> str:
        """Return the cookie of the new socket. Raises RefusedError."""
        return self._order("open", protocol, address, port, shared)

    def close(self, cookie: str) -> None:
        self._order("close", cookie)

    def rename(self, name: str) -> None:
        self._order("rename", name)
        self.name = name

    def rename_a_thread(self, name: str) -> None:
        self._order("rename_a_thread", name)

    def fork(self) -> "Actor":
        """Return its new child, which holds what it holds."""
        child = Actor(self._order("fork"), self.exe, self.name)
        self.has_family = child.has_family = True
        return child

    def give(self, cookie: str, to: "Actor") -> None:
        """Hand a socket over, and keep it too."""
        self._order("give", cookie, to.pid)

    def become(self, exe: str) -> None:
        """Go on as another program, with the same PID and the same sockets."""
        self._order("become", exe)
        self.exe, self.name = exe, Path(exe).name

    def kill(self) -> None:
        """Kill it and return when its files are closed."""
        watch = os.pidfd_open(self.pid)
        try:
            os.kill(self.pid, signal.SIGKILL)
            if not select.select([watch], [], [], PATIENCE)[0]:
                raise TimeoutError(f"{self.pid} does not end.")
        finally:
            os.close(watch)

    def _order(self, *words):
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as line:
            line.settimeout(PATIENCE)
            line.bind("")
            line.sendto(json.dumps(words).encode(), _name(self.pid))
            answer = json.loads(line.recv(1 << 16))
        if "refused" in answer:
            raise RefusedError(answer["refused"])
        return answer["done"]


class Stage:
    """Where actors come from."""

    def __init__(self, folder: Path, programs: list[str]) -> None:
        python = Path(sys.executable).resolve()
        self.exes = [shutil.copy(python, folder / name) for name in programs]
        self.exes = [str(Path(exe).resolve()) for exe in self.exes]
        lib = f"{sys.base_prefix}/lib"
        self.env = os.environ | {"PYTHONHOME": sys.base_prefix, "LD_LIBRARY_PATH": lib}
        self.lifeline, self._end = os.pipe()
        signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for the dead

    def start(self, exe: str) -> Actor:
        """Return a new actor that runs this program."""
        ready, writer = os.pipe()
        actions = [
            (os.POSIX_SPAWN_DUP2, self.lifeline, LIFELINE),
            (os.POSIX_SPAWN_DUP2, writer, READY),
        ]
        pid = os.posix_spawn(exe, _command(exe), self.env, file_actions=actions)
        os.close(writer)
        if not os.read(ready, 1):
            raise RefusedError(f"{exe} does not start.")
        os.close(ready)
        return Actor(pid, exe, Path(exe).name)


class Player:
    """The same actor, seen from inside."""

    def __init__(self, sockets: dict[str, int]) -> None:
        self.sockets = {cookie: socket.socket(fileno=file) for cookie, file in sockets.items()}
        self._open_door()

    def serve(self) -> None:
        while LIFELINE not in select.select([self.door, LIFELINE], [], [])[0]:
            words, files, _, self.caller = socket.recv_fds(self.door, 1 << 16, 1)
            order, *values = json.loads(words)
            try:
                answer = {"done": getattr(self, order)(*values, *files)}
            except OSError as exc:
                answer = {"refused": str(exc)}
            self._answer(answer)

    def open(self, protocol: str, address: str, port: int, shared: bool) -> str:
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        one = socket.socket(family, KINDS[protocol])
        try:
            if shared:
                one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
            one.bind((address, port))
            if protocol == "tcp":
                one.listen(16)
        except OSError:
            one.close()
            raise
        number = one.getsockopt(socket.SOL_SOCKET, SO_COOKIE, 8)
        cookie = f"{int.from_bytes(number, sys.byteorder):x}"
        self.sockets[cookie] = one
        return cookie

    def close(self, cookie: str) -> None:
        self.sockets.pop(cookie).close()

    def rename(self, name: str) -> None:
        ctypes.CDLL(None).prctl(PR_SET_NAME, name.encode())

    def rename_a_thread(self, name: str) -> None:
        named = threading.Event()

        def live():
            self.rename(name)
            named.set()
            signal.pause()

        threading.Thread(target=live, daemon=True).start()
        named.wait()

    def fork(self) -> int:
        ready, unready = os.pipe()
        if pid := os.fork():
            os.close(unready)
            os.read(ready, 1)  # ends when the child has opened its door
            os.close(ready)
            return pid
        try:
            os.close(ready)
            self.door.close()
            self._open_door()
            os.close(unready)
            self.serve()
        finally:
            os._exit(0)

    def give(self, cookie: str, pid: int) -> None:
        order = json.dumps(["take", cookie]).encode()
        rights = array("i", [self.sockets[cookie].fileno()]).tobytes()
        # socket.send_fds() leaves the address out.
        handed = (socket.SOL_SOCKET, socket.SCM_RIGHTS, rights)
        self.door.sendmsg([order], [handed], 0, _name(pid))
        self.door.recv(1 << 16)

    def take(self, cookie: str, file: int) -> None:
        self.sockets[cookie] = socket.socket(fileno=file)

    def become(self, exe: str) -> None:
        """Never returns: the program that follows answers."""
        kept = {cookie: one.fileno() for cookie, one in self.sockets.items()}
        for one in self.sockets.values():
            one.set_inheritable(True)
        caller = self.caller.hex()
        os.execv(exe, [*_command(exe), json.dumps(kept), caller])  # noqa: S606  # no shell is wanted

    def _open_door(self) -> None:
        self.door = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.door.bind(_name(os.getpid()))

    def _answer(self, answer: dict) -> None:
        self.door.sendto(json.dumps(answer).encode(), self.caller)


def _name(pid: int) -> bytes:
    return b"\0actor-%d" % pid


def _command(exe: str) -> list[str]:
    return [exe, "-s", "-S", "-W", "ignore", __file__]


def main() -> None:
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    kept, caller = sys.argv[1:] or ("{}", "")
    player = Player(json.loads(kept))
    if caller:
        player.caller = bytes.fromhex(caller)
        for one in player.sockets.values():
            one.set_inheritable(False)
        player._answer({"done": None})
    else:
        os.write(READY, b"1")
        os.dup2(2, READY)
    player.serve()


if __name__ == "__main__":
    main()
