"""Agents as they run on hosts: the archive in a process of its own, on a machine made up."""

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from unittest.mock import patch

import pytest

from collector import reader
from collector.agent import archive
from tests.tools import require

TOKEN = "natlas-0123456789abcdef"
PATIENCE = 20  # seconds until a test gives up
# A mount namespace of its own, in which another program is what `ss` was.
DISGUISED = 'mount --bind "$0" "$1" && shift && exec "$@"'


class Machine:
    """A machine that listens on what a test says, as far as `ss` is asked; with agents on it."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.spool = folder, folder / "spool"
        self.token, self._listing = folder / "token", folder / "listing"
        self._ss, self._archive = folder / "ss", folder / archive.NAME
        self.token.touch(mode=0o600)
        self.token.write_text(f"{TOKEN}\n")
        with patch.object(archive, "PROGRAMS", "none"):  # the ports of other tests are no news here
            self._archive.write_bytes(archive.build())
        self._ss.write_text(
            f"#!/bin/sh\n[ $1 = -V ] && exec echo ss utility, iproute2-6.1.0\ncat {self._listing}\n"
        )
        self._ss.chmod(0o755)
        self._started: list[subprocess.Popen] = []
        self.listen(22, 80, 443)

    def listen(self, *ports: int) -> None:
        """Have these ports listed from now on, and no others."""
        rows = (
            f"tcp LISTEN 0 128 0.0.0.0:{port} 0.0.0.0:* ino:{port} sk:{port:x} cgroup:/ <->\n"
            for port in ports
        )
        draft = self.folder / "listing.new"
        draft.write_text("".join(rows))
        draft.replace(self._listing)

    def start(self, url: str, *options: str) -> subprocess.Popen:
        """Start an agent. Where this machine lends no namespaces, the test is skipped."""
        agent = subprocess.Popen(  # noqa: S603  # our own archive
            [*self._disguise(), *self._command(url, *options)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self._started.append(agent)
        return agent

    def run(self, url: str, *options: str) -> subprocess.CompletedProcess:
        """Run an agent to its end."""
        agent = self.start(url, *options)
        said = agent.communicate(timeout=PATIENCE)
        return subprocess.CompletedProcess(agent.args, agent.returncode, *said)

    def kept(self) -> list[Path]:
        """Return the files of the spool, the oldest first."""
        return sorted(self.spool.glob("0*")) if self.spool.exists() else []

    def close(self) -> None:
        for agent in self._started:
            agent.kill()
            agent.communicate()

    def _command(self, url: str, *options: str) -> list:
        where = ["--hub", url, "--token-file", self.token, "--spool", self.spool]
        return [sys.executable, self._archive, *where, "--host", "atlas", *options]

    def _disguise(self) -> list:
        user = [] if os.geteuid() == 0 else ["--map-root-user"]
        ss = next((path for path in reader.PATHS if Path(path).exists()), None) or require("ss")
        command = [require("unshare"), *user, "--mount", "sh", "-c", DISGUISED, self._ss, ss]
        if subprocess.run([*command, "true"], check=False, capture_output=True).returncode:  # noqa: S603  # as above
            pytest.skip("this machine lends us no such place")
        return command


def until(condition: Callable[[], object]) -> None:
    """Return as soon as something is so."""
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, "it did not come to pass"
        time.sleep(0.02)


def python39() -> str | None:
    """Return a Python 3.9 that has psutil, None if there is none."""
    path = shutil.which("python3.9")
    if path is None:
        return None
    asked = subprocess.run([path, "-c", "import psutil"], check=False, capture_output=True)  # noqa: S603  # as above
    return None if asked.returncode else path
