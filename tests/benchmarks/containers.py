"""
Both stacks of docker/, built and run: does each keep what its comments promise?

    python -m tests.benchmarks.containers [--compose "podman-compose"] [--base IMAGE] [--run IMAGE]

Needs root, an engine with its compose (Docker's own is the default), and the images that the
files name. `--base` builds on another image than debian:trixie-slim, one that knows a certificate
of yours perhaps; `--run` takes one that is built already. With podman the services are started
one after the other by this script: older ones cannot wait for one another, and none asks for
health where systemd does not run.
"""

import argparse
import json
import os
import shlex
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from graphlib import TopologicalSorter
from pathlib import Path
from tempfile import TemporaryDirectory

import yaml

CHECKOUT = Path(__file__).resolve().parents[2]
DOCKER = CHECKOUT / "docker"
IMAGE = "portatlas:check"
PATIENCE = 180  # seconds
MANAGE = ("python", "manage.py")
TOOL = ("--profile", "tools", "run", "--rm", "-T", "backup")
SEEING = "0000000000080004"  # CAP_DAC_READ_SEARCH is bit 2, CAP_SYS_PTRACE bit 19
NONE = "0" * 16
LISTENER = "import socket, time; s = socket.create_server(('127.0.0.1', 0)); "
LISTENER += "print(s.getsockname()[1], flush=True); time.sleep(10_000)"


class Verdict:
    def __init__(self) -> None:
        self.broken = 0

    def say(self, claim: str, holds: bool, found: object = "") -> None:
        self.broken += not holds
        sys.stdout.write(f"{'ok    ' if holds else 'BROKEN'} {claim}{f': {found}' * (not holds)}\n")
        sys.stdout.flush()


class Stack:
    """One compose file, as a project of its own with an image that is there."""

    def __init__(self, file: Path, compose: list[str], folder: Path, port: int, image: str):
        self.engine = "podman" if "podman" in compose[0] else "docker"
        self.project = f"check{file.stem.replace('.', '')}"
        self.services = yaml.safe_load(file.read_text())["services"]
        self.environment = os.environ | {
            "PORTATLAS_HOST_ID": "checked",
            "PORTATLAS_HUB": f"http://127.0.0.1:{port}",
            "PORTATLAS_IMAGE": image,
            "PORTATLAS_PORT": str(port),
        }
        copy = folder / f"{file.stem}.yaml"
        copy.write_text(self._flattened(file))
        self._compose = [*compose, "-p", self.project, "-f", str(copy)]

    def _flattened(self, file: Path) -> str:
        """Leave out what this script does itself, and what older composes do not know."""
        stack = yaml.safe_load(
            file.read_text().replace("http://127.0.0.1:${PORTATLAS_PORT:-8000}", "")
        )
        del stack["name"]
        for service in stack["services"].values():
            service.pop("build", None)
            if self.engine == "podman":
                service.pop("depends_on", None)
        return yaml.safe_dump(stack, sort_keys=False)

    def compose(self, *command: str, **options) -> subprocess.CompletedProcess:
        done = subprocess.run(  # noqa: S603  # the compose that was named
            [*self._compose, *command],
            env=self.environment,
            capture_output=True,
            check=False,
            **options,
        )
        if done.returncode:
            sys.exit(f"{command}: {done.stderr.decode()[-2000:]}")
        return done

    def up(self) -> None:
        if self.engine == "docker":
            self.compose("up", "-d")
        else:
            needs = {name: each.get("depends_on", ()) for name, each in self.services.items()}
            for name in TopologicalSorter(needs).static_order():
                service = self.services[name]
                if "profiles" not in service:
                    self.compose("up", "-d", name)
                    if service["restart"] == "no":
                        self.call("wait", self.container(name))
                    self.wait_until_healthy(name)

        for name in self.names():
            self.wait_until_healthy(name)

    def down(self, *options: str) -> None:
        self.compose("down", *options)

    def back_up(self) -> bytes:
        """Return a backup, made as docker/README.md says."""
        if "backup" in self.services:
            return self.compose(*TOOL).stdout
        return self.compose("exec", "-T", "portatlas", *MANAGE, "backup", "-").stdout

    def restore(self, backup: bytes) -> None:
        """Restore a backup as docker/README.md says."""
        is_full = "backup" in self.services
        self.compose("stop", *(("web", "worker", "beat") if is_full else ()))
        aside = TOOL if is_full else ("run", "--rm", "-T", "portatlas")
        self.compose(*aside, *MANAGE, "restore", "-", input=backup)
        self.up()

    def names(self) -> list[str]:
        """Return the services that stay."""
        return [name for name, each in self.services.items() if each["restart"] != "no"]

    def container(self, service: str) -> str:
        labels = {"project": self.project, "service": service}
        chosen = [f"--filter=label=com.docker.compose.{k}={v}" for k, v in labels.items()]
        return self.call("ps", "--all", "--quiet", *chosen).split()[0]

    def pid(self, service: str) -> int:
        return int(self.call("inspect", "--format={{.State.Pid}}", self.container(service)))

    def run(self, service: str, *command: str) -> tuple[int, str]:
        done = subprocess.run(  # noqa: S603  # written below
            [self.engine, "exec", self.container(service), *command],
            capture_output=True,
            text=True,
            check=False,
        )
        return done.returncode, done.stdout + done.stderr

    def is_healthy(self, service: str) -> bool:
        test = self.services[service]["healthcheck"].get("test")
        if not test:
            return True
        kind, *words = [word.replace("$$", "$") for word in test]
        shell = ["sh", "-c"] if kind == "CMD-SHELL" else []
        return self.run(service, *shell, *words)[0] == 0

    def wait_until_healthy(self, service: str) -> bool:
        if self.services[service]["restart"] == "no":
            return True
        return until(lambda: self.pid(service) and self.is_healthy(service))

    def call(self, *command: str) -> str:
        return subprocess.run(  # noqa: S603  # written above
            [self.engine, *command], capture_output=True, text=True, check=True
        ).stdout


def until(holds: Callable[[], object], patience: float = PATIENCE):
    """Return what is true in the end, or false when patience is over."""
    deadline = time.monotonic() + patience
    while not (found := holds()) and time.monotonic() < deadline:
        time.sleep(1)
    return found


def build(engine: str, base: str) -> None:
    own = ["--format=docker", f"--ignorefile={DOCKER}/Dockerfile.dockerignore"]
    options = ["--network=host", f"--file={DOCKER}/Dockerfile", f"--tag={IMAGE}"]
    options += own if engine == "podman" else []
    options += [f"--build-arg=BASE={base}"] if base else []
    subprocess.run([engine, "build", *options, str(CHECKOUT)], check=True)  # noqa: S603  # ours


@contextmanager
def listener() -> Iterator[tuple[int, int]]:
    """Have a process of this machine listen; yield its port and its PID."""
    with subprocess.Popen([sys.executable, "-c", LISTENER], stdout=subprocess.PIPE) as process:  # noqa: S603  # ours
        try:
            yield int(process.stdout.readline()), process.pid
        finally:
            process.kill()


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as door:
        return door.getsockname()[1]


def check_confinement(stack: Stack, verdict: Verdict) -> None:
    for name in stack.names():
        status = Path(f"/proc/{stack.pid(name)}/status").read_text()
        told = dict(line.split(":\t", 1) for line in status.splitlines() if ":\t" in line)
        expected = SEEING if "cap_add" in stack.services[name] else NONE
        caps = {told[f"Cap{each}"] for each in ("Prm", "Eff", "Bnd", "Amb")}
        verdict.say(f"{name} is not root", "0" not in told["Uid"].split(), told["Uid"])
        verdict.say(f"{name} has the capabilities that it should", caps == {expected}, caps)
        _, said = stack.run(name, "touch", "/x")
        verdict.say(f"{name} can't write its root", "Read-only file system" in said, said)
        verdict.say(f"{name} is healthy", stack.wait_until_healthy(name))


def seen(stack: Stack, door: str, port: int) -> dict:
    """Return what the board knows of a port, {} if nothing."""
    code, said = stack.run(door, "python", "manage.py", "ports", "--json")
    found = (
        json.loads(said[said.index("[") : said.rindex("]") + 1])
        if code == 0 and "[" in said
        else []
    )
    return next((each for each in found if each["port"] == port), {})


def noted(stack: Stack, door: str, port: int) -> str | None:
    """Return the title of the note on a port, None if it has none."""
    return (seen(stack, door, port).get("note") or {}).get("title")


def check(stack: Stack, verdict: Verdict, door: str, port: int) -> None:
    """`door` is the service that serves."""
    stack.up()
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/login/", timeout=10) as answer:
        verdict.say("the board asks who is there", answer.status == 200, answer.status)
    check_confinement(stack, verdict)
    with listener() as (listening, pid):
        known = until(lambda: seen(stack, door, listening).get("current_pid"), 60)
        verdict.say("a listener of the machine shows up with its process", known == pid, known)
        stack.run(door, *f"python manage.py note {listening} --title Kept".split())
        for name in stack.names():
            before = stack.pid(name)
            os.kill(before, signal.SIGKILL)
            again = until(lambda name=name, before=before: stack.pid(name) not in {0, before})
            verdict.say(
                f"{name} comes back after kill -9", again and stack.wait_until_healthy(name)
            )
        at = seen(stack, door, listening).get("last_seen_at")
        later = until(lambda: seen(stack, door, listening).get("last_seen_at") != at, 90)
        verdict.say("then it goes on looking", bool(later))
        stack.down()
        stack.up()
        title = noted(stack, door, listening)
        verdict.say("what was noted outlives down and up", title == "Kept", title)
        backup = stack.back_up()
        stack.run(door, *f"python manage.py note {listening} --title Changed".split())
        verdict.say("a note can be changed", noted(stack, door, listening) == "Changed")
        stack.restore(backup)
        title = noted(stack, door, listening)
        verdict.say("a backup brings back what was noted", title == "Kept", title)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[1])
    parser.add_argument("--compose", default="docker compose", type=shlex.split)
    parser.add_argument("--base", default="", help="build on this image")
    parser.add_argument("--run", default="", help="run this image instead of building one")
    options = parser.parse_args()
    engine = "podman" if "podman" in options.compose[0] else "docker"
    if not options.run:
        build(engine, options.base)
    verdict = Verdict()
    with TemporaryDirectory(prefix="containers-") as name:
        folder = Path(name)
        script = folder / "secrets.sh"
        script.write_bytes((DOCKER / "secrets.sh").read_bytes())
        subprocess.run(["sh", str(script)], check=True)  # noqa: S603, S607  # our own
        for file, door in (("compose.yaml", "portatlas"), ("compose.full.yaml", "web")):
            sys.stdout.write(f"== {file}\n")
            port = free_port()
            stack = Stack(DOCKER / file, options.compose, folder, port, options.run or IMAGE)
            try:
                check(stack, verdict, door, port)
            finally:
                stack.down("-v")
    sys.exit(f"{verdict.broken} promises are broken." if verdict.broken else 0)


if __name__ == "__main__":
    main()
