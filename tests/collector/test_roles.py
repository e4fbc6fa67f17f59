"""The part that a process plays, and the real sshd and ssh of a tunnel."""

import getpass
import os
import socket
import subprocess
from contextlib import ExitStack
from pathlib import Path
from time import monotonic, sleep

import psutil
import pytest

from collector import connections
from collector.redact import redact
from collector.roles import role_of
from collector.sweep import Role
from tests.tools import require

SSHD = "/usr/sbin/sshd"
SYSTEMD = "/usr/lib/systemd/systemd"


def role(name, exe="", cmdline="", *, is_proxy=False, socket_unit=""):
    return role_of(name, exe, cmdline, is_proxy=is_proxy, socket_unit=socket_unit)


@pytest.mark.parametrize(
    ("exe", "cmdline"),
    [
        (SSHD, "sshd: ann"),
        (SSHD, "sshd: ann [priv]"),
        (SSHD, "sshd: ann@pts/0"),
        (SSHD, "sshd: ann@notty"),
        ("", "sshd: ann@notty"),
        ("/usr/lib/openssh/sshd-session", "sshd-session: ann [priv]"),
        ("/usr/lib/openssh/sshd-session", "sshd-session: ann@notty"),
        ("/usr/bin/ssh", "ssh -N -L 8080:localhost:80 box"),
        ("/usr/bin/ssh", "ssh box"),
        ("/usr/bin/autossh", "autossh -M 20000 box"),
        ("/usr/bin/dbclient", "dbclient -L 8080:localhost:80 box"),
    ],
)
def test_sessions_and_clients_of_ssh_are_tunnels(exe, cmdline):
    """N54."""
    assert role(cmdline.split(":")[0].split()[0], exe, cmdline) == Role.TUNNEL


@pytest.mark.parametrize(
    ("exe", "cmdline"),
    [
        (SSHD, "sshd: /usr/sbin/sshd -D [listener] 0 of 10-100 startups"),
        (SSHD, "sshd: /usr/sbin/sshd -D -o 'Banner=sshd: ann'"),
        (SSHD, "/usr/sbin/sshd -D"),
        (SSHD, ""),
        ("/usr/sbin/nginx", "sshd: ann"),
        ("/usr/bin/ssh-agent", "ssh-agent"),
    ],
)
def test_the_daemon_itself_is_a_server(exe, cmdline):
    """N54."""
    assert role("sshd", exe, cmdline) == Role.SERVER


def test_systemd_holds_a_port_for_its_socket_unit():
    """N46: the manager of the system or of a user, even where its executable can't be read."""
    assert role("systemd", SYSTEMD, socket_unit="cups.socket") == Role.SOCKET_UNIT
    assert role("systemd", "", socket_unit="cups.socket") == Role.SOCKET_UNIT


def test_an_activated_service_is_a_server():
    """N46."""
    assert role("cupsd", "/usr/sbin/cupsd", socket_unit="cups.socket") == Role.SERVER
    assert role("systemd", "/tmp/cupsd", socket_unit="cups.socket") == Role.SERVER  # noqa: S108  # no file


def test_systemd_without_a_unit_is_a_server():
    assert role("systemd", SYSTEMD) == Role.SERVER


def test_a_proxy_is_one_whatever_it_is_called():
    """N47, N50."""
    assert role("docker-proxy", "/usr/bin/docker-proxy", is_proxy=True) == Role.PROXY
    assert role("ssh", "/usr/bin/ssh", is_proxy=True) == Role.PROXY


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as server:
        return server.getsockname()[1]


def roles_at(ports, within=20):
    """Return the role of who holds each port, once all are open."""
    deadline = monotonic() + within
    holders = {}
    while holders.keys() != ports and monotonic() < deadline:
        sleep(0.1)
        found = connections.listening().sockets
        holders = {each.port: each.users[0].pid for each in found if each.port in ports}
    roles = {}
    for port, pid in holders.items():
        process = psutil.Process(pid)
        roles[port] = role(process.name(), process.exe(), redact(process.cmdline()))
    return roles


@pytest.fixture
def start():
    """Return a function that starts a program, which ends with the test."""
    with ExitStack() as stack:

        def start(*command):
            process = subprocess.Popen(command, stderr=subprocess.DEVNULL)  # noqa: S603  # a program that was required
            stack.callback(process.wait)
            stack.callback(process.kill)

        yield start


def test_real_forwards_of_ssh_are_tunnels_and_the_real_daemon_is_a_server(tmp_path, start):
    """N54: -L and -D are held by the client here, -R by the daemon's session there."""
    sshd, ssh, keygen = map(require, ["sshd", "ssh", "ssh-keygen"])
    if not os.geteuid():  # as the service does; without it sshd refuses to start as root
        Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)
    for key in ["host", "user"]:
        make = [keygen, "-qt", "ed25519", "-N", "", "-f", tmp_path / key]
        subprocess.run(make, check=True)  # noqa: S603  # a program that was required
    daemon, local, remote, dynamic = (free_port() for _ in range(4))
    config = tmp_path / "sshd_config"
    config.write_text(
        f"ListenAddress 127.0.0.1:{daemon}\nHostKey {tmp_path}/host\n"
        f"AuthorizedKeysFile {tmp_path}/user.pub\nPidFile none\nStrictModes no\nUsePAM no\n"
    )
    start(sshd, "-De", "-f", config)
    before = roles_at({daemon})

    start(
        *[ssh, "-NF", "none", "-i", tmp_path / "user", "-p", str(daemon)],
        *["-o", "BatchMode=yes", "-o", "ExitOnForwardFailure=yes"],
        *["-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null"],
        *["-L", f"127.0.0.1:{local}:127.0.0.1:1", "-D", f"127.0.0.1:{dynamic}"],
        *["-R", f"127.0.0.1:{remote}:127.0.0.1:1", f"{getpass.getuser()}@127.0.0.1"],
    )
    after = roles_at({daemon, local, remote, dynamic})

    assert before == {daemon: Role.SERVER}
    tunnels = dict.fromkeys([local, remote, dynamic], Role.TUNNEL)
    assert after == tunnels | {daemon: Role.SERVER}
