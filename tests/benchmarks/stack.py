"""A hub in parts: PostgreSQL, Redis, web, worker and beat, each killed and started again."""

import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

import psutil

CHECKOUT = Path(__file__).resolve().parents[2]
RESTART = 1.0  # seconds until what ended is started again: a service manager's RestartSec
BACK_WITHIN = 60  # seconds for a part to serve again
POSTGRES = {"user": "postgres", "group": "postgres", "extra_groups": []}


class Part:
    """One program with all its processes; whatever ends it, it is started again."""

    def __init__(
        self,
        name: str,
        command: Sequence[str | Path],
        serves: Callable[[], bool] = lambda: True,
        *,
        log: Path,
        **options,
    ) -> None:
        self.name, self._command, self._serves, self._options = name, command, serves, options
        self._log = log.open("ab")
        self._process: subprocess.Popen | None = None
        self._again_at: float | None = None
        self.was_killed = False
        self.ends = 0  # that nobody brought about

    def start(self) -> None:
        self.was_killed, self._again_at = False, None
        self._process = subprocess.Popen(  # noqa: S603  # named below
            self._command,
            stdin=subprocess.DEVNULL,
            stdout=self._log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            **self._options,
        )

    def kill(self) -> None:
        """Kill all of its processes with -9, and leave it so until it is started."""
        whole = psutil.Process(self._process.pid)
        with suppress(psutil.NoSuchProcess):
            family = [whole, *whole.children(recursive=True)]
            for each in family:
                with suppress(psutil.NoSuchProcess):
                    each.kill()
            psutil.wait_procs(family[1:])
        self._process.wait()
        self.was_killed = True

    def mind(self) -> None:
        """Start it again, some time after it ended by itself."""
        if self.was_killed or self._process.poll() is None:
            return
        if self._again_at is None:
            self.ends += 1
            self._again_at = time.monotonic() + RESTART
        elif time.monotonic() >= self._again_at:
            self.start()

    def wait(self) -> None:
        """Return as soon as it serves."""
        deadline = time.monotonic() + BACK_WITHIN
        while not self._serves():
            if time.monotonic() > deadline:
                sys.exit(f"{self.name} does not come back; {self._log.name} says why.")
            self.mind()
            time.sleep(0.05)

    def end(self) -> None:
        if self._process and self._process.poll() is None:
            self.kill()
        self._log.close()


class Stack:
    """All parts of a hub, on free ports of loopback and in a folder of its own."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        ports = {name: _free_port() for name in ("postgres", "redis", "web")}
        self.url = f"http://127.0.0.1:{ports['web']}"
        self.environment = {
            "DATABASE_URL": f"postgres://postgres@127.0.0.1:{ports['postgres']}/postgres",
            "PORTATLAS_BROKER_URL": f"redis://127.0.0.1:{ports['redis']}/0",
            "PORTATLAS_DATA": str(folder / "data"),
            "PORTATLAS_BOOTSTRAP": "off",  # this Python has it all
            "PORTATLAS_LOG_LEVEL": "WARNING",
            "DJANGO_SETTINGS_MODULE": "portatlas.settings",
        }
        database = self._postgres(ports["postgres"])
        server = [_program("redis-server"), "--port", str(ports["redis"]), "--bind", "127.0.0.1"]
        server += ["--dir", str(folder), "--appendonly", "yes"]
        redis = self._part("redis", server, lambda: _answers(ports["redis"]))
        python = {"cwd": CHECKOUT, "env": os.environ | self.environment}
        gunicorn = [sys.executable, "-m", "gunicorn", "portatlas.wsgi", "--workers=2"]
        gunicorn += ["--worker-class=gthread", "--threads=4", "--no-control-socket"]
        web = self._part(
            "web", [*gunicorn, f"--bind=127.0.0.1:{ports['web']}"], self._is_healthy, **python
        )
        background = [sys.executable, "-m", "portatlas.background"]
        self.parts = {
            part.name: part
            for part in (
                database,
                redis,
                web,
                self._part("worker", [*background, "worker"], **python),
                self._part("beat", [*background, "beat"], **python),
            )
        }

    def start(self) -> None:
        """Start the databases, bring them up to date, and then all that needs them."""
        for name, part in self.parts.items():
            if name == "web":
                self._migrate()
            part.start()
            part.wait()

    def mind(self) -> None:
        for part in self.parts.values():
            part.mind()

    def end(self) -> None:
        for part in reversed(self.parts.values()):
            part.end()

    def _migrate(self) -> None:
        command = [sys.executable, "manage.py", "migrate", "--verbosity=0"]
        environment = os.environ | self.environment
        subprocess.run(command, cwd=CHECKOUT, env=environment, check=True)  # noqa: S603  # our own file

    def _part(self, name, command, serves=lambda: True, **options) -> Part:
        return Part(name, command, serves, log=self._folder / f"{name}.log", **options)

    def _postgres(self, port: int) -> Part:
        """Return a PostgreSQL that keeps what it acknowledged: with fsync, as by default."""
        programs = max(
            Path("/usr/lib/postgresql").glob("*/bin"),
            key=lambda path: float(path.parent.name),
            default=None,
        )
        if programs is None:
            sys.exit("PostgreSQL is not installed here.")
        home = self._folder / "postgres"
        home.mkdir()
        options = {"cwd": home, **(POSTGRES if os.geteuid() == 0 else {})}
        if os.geteuid() == 0:  # as which PostgreSQL refuses to run
            shutil.chown(home, "postgres")
            self._folder.chmod(0o711)
        made = ["--auth=trust", "--username=postgres", "--encoding=UTF8", "--no-locale"]
        subprocess.run(  # noqa: S603  # a program of the package
            [programs / "initdb", f"--pgdata={home}/data", *made],
            check=True,
            stdout=subprocess.DEVNULL,
            **options,
        )
        listens = ["-c", f"port={port}", "-c", "listen_addresses=127.0.0.1", "-k", str(home)]
        return self._part(
            "postgres",
            [programs / "postgres", "-D", f"{home}/data", *listens],
            lambda: _is_ready(programs / "pg_isready", port),
            **options,
        )

    def _is_healthy(self) -> bool:
        with suppress(URLError, OSError), urlopen(f"{self.url}/healthz", timeout=5) as answer:  # noqa: S310  # our own server
            return answer.status == 200
        return False


def _is_ready(program: Path, port: int) -> bool:
    command = [program, "--quiet", "--host=127.0.0.1", f"--port={port}"]
    return subprocess.run(command, check=False).returncode == 0  # noqa: S603  # as above


def _answers(port: int) -> bool:
    with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1) as talk:
        talk.sendall(b"PING\r\n")
        return talk.recv(16).startswith(b"+PONG")
    return False


def _program(name: str) -> str:
    path = shutil.which(name)
    return path or sys.exit(f"{name} is not installed here.")


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as door:
        return door.getsockname()[1]
