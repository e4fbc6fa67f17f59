"""Real container engines, each in namespaces of its own: whatever it starts ends with the test."""

import os
import subprocess
import tarfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from tests.tools import require

# What the engines would write where all the machine can see it stays in here.
SETUP = """
set -e
mkdir -p /etc/docker
for each in /run /var/lib /etc/docker; do mount -t tmpfs none $each; done
ip link set lo up
echo ready
read -r _
"""
NAMESPACES = ("--mount", "--net", "--pid")
IMAGE = "localhost/box:1"
# What root without CAP_SYS_RESOURCE may still set.
LIMITS = ("--ulimit=nofile=1000:1000", "--ulimit=nproc=1000:1000")


class Engine:
    """The client of an engine that runs inside, and whatever else is to be run there."""

    def __init__(self, init: int, directory: Path):
        self.directory = directory
        self.socket = str(directory / "engine.sock")
        self.group = f"/{directory.name}"  # of control groups
        self.client: tuple[str, ...] = ()
        self.servers: list[subprocess.Popen] = []
        self._enter = ("nsenter", f"--target={init}", *NAMESPACES, "--")

    def run(self, *command: str) -> str:
        done = subprocess.run(  # noqa: S603  # written in the tests
            (*self._enter, *command), capture_output=True, text=True, timeout=60, check=False
        )
        assert done.returncode == 0, f"{command}: {done.stderr}"
        return done.stdout

    def do(self, *command: str) -> str:
        return self.run(*self.client, *command).strip()

    def start(self, name: str, *options: str, image: str = IMAGE, command: str = "sleep 600"):
        """Start a container; return its id."""
        place = (f"--name={name}", f"--cgroup-parent={self.group}", *LIMITS)
        return self.do("run", "--detach", *place, *options, image, "/busybox", *command.split())

    def serve(self, *command: str) -> None:
        """Start what answers at the socket, and wait until it does."""
        with (self.directory / "log").open("wb") as log:
            self.servers.append(
                subprocess.Popen(  # noqa: S603  # written in the tests
                    (*self._enter, *command), stdout=log, stderr=subprocess.STDOUT
                )
            )
        deadline = time.monotonic() + 60
        while not Path(self.socket).is_socket():
            log = (self.directory / "log").read_text()
            assert self.servers[-1].poll() is None, log
            assert time.monotonic() < deadline, log
            time.sleep(0.02)


@contextmanager
def podman() -> Iterator[Engine]:
    """Podman, not yet serving: `serve_podman` does that once the containers are there."""
    with _sandbox(require("podman"), require("runc"), require("slirp4netns")) as engine:
        at = {name: str(engine.directory / name) for name in ("root", "run", "tmp", "net")}
        engine.client = (
            *("podman", "--runtime=runc", "--storage-driver=vfs", "--cgroup-manager=cgroupfs"),
            *("--events-backend=none", f"--root={at['root']}", f"--runroot={at['run']}"),
            *(f"--tmpdir={at['tmp']}", f"--network-config-dir={at['net']}"),
        )
        engine.do("import", str(engine.directory / "box.tar"), IMAGE)
        yield engine


def serve_podman(engine: Engine) -> None:
    engine.serve(*engine.client, "system", "service", "--time=0", f"unix://{engine.socket}")


@contextmanager
def docker() -> Iterator[Engine]:
    with _sandbox(require("dockerd"), require("docker")) as engine:
        at = {name: str(engine.directory / name) for name in ("data", "exec", "pid", "config")}
        engine.client = ("docker", f"--config={at['config']}", f"--host=unix://{engine.socket}")
        engine.serve(
            *("dockerd", "--storage-driver=vfs", f"--host=unix://{engine.socket}"),
            *(f"--data-root={at['data']}", f"--exec-root={at['exec']}", f"--pidfile={at['pid']}"),
        )
        engine.do("import", str(engine.directory / "box.tar"), IMAGE)
        yield engine


@contextmanager
def _sandbox(*_: str) -> Iterator[Engine]:
    if os.geteuid():
        pytest.skip("only root can give an engine a place of its own")
    busybox = require("busybox")
    command = (
        "unshare",
        *NAMESPACES,
        "--mount-proc",
        "--fork",
        "--kill-child",
        "bash",
        "-c",
        SETUP,
    )
    with (
        TemporaryDirectory(prefix="engine-", ignore_cleanup_errors=True) as name,
        subprocess.Popen(  # noqa: S603  # a script of ours
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE
        ) as process,
    ):
        if process.stdout.readline() != b"ready\n":
            pytest.skip("this machine lends us no namespaces to run an engine in")
        children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text()
        engine = Engine(int(children), Path(name))
        with tarfile.open(engine.directory / "box.tar", "w") as tar:
            tar.add(busybox, "busybox")
        try:
            yield engine
        finally:
            process.communicate()  # the end of its input ends the first process, and so all
            for server in engine.servers:
                server.wait()
            _remove_groups(engine.group)


def _remove_groups(name: str) -> None:
    found = (each for each in Path("/sys/fs/cgroup").rglob(f"*{name}") if each.is_dir())
    for group in list(found):
        for directory, _, _ in os.walk(group, topdown=False):
            Path(directory).rmdir()
