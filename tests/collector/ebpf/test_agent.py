"""The agent as the service that `--install --ebpf` makes it, told by the kernel of real ports."""

import os
import re
import socket
import subprocess
import sys

import pytest

from collector.agent import archive, unit
from tests.collector.agents import TOKEN, until
from tests.collector.hubs import ScriptedHub
from tests.tools import require

NOBODY = 65534


@pytest.fixture
def file(_kernel_tells, tmp_path):
    """The archive, where anybody can read it."""
    for each in (tmp_path, *tmp_path.parents[:2]):
        each.chmod(0o755)
    path = tmp_path / archive.NAME
    path.write_bytes(archive.build())
    return path


@pytest.fixture
def hub():
    hub = ScriptedHub()
    yield hub
    hub.close()


@pytest.fixture
def start(tmp_path):
    """Return a function that starts somebody who has no more privileges than the unit gives."""
    started = []

    def start(*command):
        words = unit.text(command, "token", ebpf=True)
        [names] = re.findall("^AmbientCapabilities=(.*)$", words, re.MULTILINE)
        few = ",".join(f"+{each.removeprefix('CAP_').lower()}" for each in names.split())
        caps = [f"--{each}=-all,{few}" for each in ("inh-caps", "ambient-caps", "bounding-set")]
        nobody = [f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups", "--no-new-privs"]
        process = subprocess.Popen(  # noqa: S603  # our own archive
            [require("setpriv"), *nobody, *caps, *command], stderr=subprocess.PIPE, text=True
        )
        started.append(process)
        return process

    yield start
    for each in started:
        with each:
            each.kill()


def test_its_privileges_are_enough_for_the_kernel_to_tell_it_of_a_port(file, hub, start, tmp_path):
    token, spool = tmp_path / "token", tmp_path / "spool"
    token.touch(mode=0o600)
    token.write_text(TOKEN)
    spool.mkdir()
    for each in (token, spool):
        os.chown(each, NOBODY, NOBODY)
    where = ["--hub", hub.url, "--token-file", str(token), "--spool", str(spool)]
    agent = start(sys.executable, str(file), *where, "--host", "atlas", "--interval", "3600")
    until(lambda: hub.told)

    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        until(lambda: port in told(hub))
    until(lambda: told(hub).get(port))
    agent.terminate()
    _, said = agent.communicate()

    assert hub.told[0].sweep["event_source"] == "ebpf"
    assert said.splitlines()[-2].endswith(" every 3600 s, and when the kernel tells of a port.")


def told(hub):
    """Return the ports of which the hub was told that they opened, and when they closed."""
    news = [each for post in hub.told for each in post.sweep.get("news", {}).get("sockets", [])]
    return {each["port"]: each["closed_at"] for each in news}
