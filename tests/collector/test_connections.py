"""The reader without ss, held against real sockets and against ss itself."""

import os
import socket
from contextlib import ExitStack

import psutil
import pytest

from collector import connections, ss
from collector.ss import Family, Socket, User
from collector.sweep import Protocol
from collector.tool import ToolError, run
from tests.tools import require

TCP, UDP = Protocol
V4, V6 = socket.AF_INET, socket.AF_INET6


@pytest.fixture
def opened():
    """Return a function that binds a socket to a free port, listening if it is TCP."""
    with ExitStack() as stack:

        def opened(address="127.0.0.1", kind=socket.SOCK_STREAM, *, v6only=None):
            sock = stack.enter_context(socket.socket(V6 if ":" in address else V4, kind))
            if v6only is not None:
                sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, v6only)
            sock.bind((address, 0))
            if kind == socket.SOCK_STREAM:
                sock.listen()
            return sock

        yield opened


def at(port):
    return [each for each in connections.listening().sockets if each.port == port]


def port_of(sock):
    return sock.getsockname()[1]


def inode(sock):
    return os.fstat(sock.fileno()).st_ino


@pytest.mark.parametrize("kind", [socket.SOCK_STREAM, socket.SOCK_DGRAM])
@pytest.mark.parametrize(
    ("address", "v6only", "family"),
    [
        ("127.0.0.1", None, Family.V4),
        ("0.0.0.0", None, Family.V4),
        ("::1", None, Family.V6),
        ("::", True, Family.UNKNOWN),
        ("::", False, Family.UNKNOWN),
        ("::ffff:127.0.0.1", False, Family.V4),
    ],
)
def test_a_socket_is_told_with_its_holder(opened, kind, address, v6only, family):
    """N58; whether `::` serves IPv4 as well is not told (N2, N4)."""
    sock = opened(address, kind, v6only=v6only)

    # On this machine the other family's socket of that number may be somebody else's.
    assert [each for each in at(port_of(sock)) if each.inode == inode(sock)] == [
        Socket(
            protocol=TCP if kind == socket.SOCK_STREAM else UDP,
            address=address,
            device="",
            family=family,
            port=port_of(sock),
            backlog=0,
            limit=0,
            users=(User(psutil.Process().name(), os.getpid(), sock.fileno()),),
            users_truncated=True,
            inode=inode(sock),
            cookie="",
            uid=None,
            cgroup="",
        )
    ]


def test_a_connected_udp_socket_is_not_listed(opened):
    """N38."""
    sock = opened(kind=socket.SOCK_DGRAM)
    sock.connect(opened(kind=socket.SOCK_DGRAM).getsockname())

    assert at(port_of(sock)) == []


def test_a_tcp_connection_is_not_listed_beside_its_listener(opened):
    server = opened()
    with socket.create_connection(server.getsockname()), server.accept()[0]:
        assert [each.inode for each in at(port_of(server))] == [inode(server)]


def test_a_socket_that_processes_share_is_one_and_says_that_there_are_more(opened):
    """N17, N18: psutil names one holder, the youngest; the others are to be looked for."""
    sock = opened()
    read, write = os.pipe()
    worker = os.fork()
    if not worker:
        try:
            os.close(write)
            os.read(read, 1)  # until the test closes its end
        finally:
            os._exit(0)
    os.close(read)
    try:
        [found] = at(port_of(sock))
    finally:
        os.close(write)
        os.waitpid(worker, 0)

    assert {user.pid for user in found.users} <= {os.getpid(), worker}
    assert (len(found.users), found.users_truncated, found.inode) == (1, True, inode(sock))


def test_sockets_of_one_process_on_one_port_stay_apart():
    """N40: SO_REUSEPORT."""
    with (
        socket.create_server(("127.0.0.1", 0), reuse_port=True) as one,
        socket.create_server(one.getsockname(), reuse_port=True) as two,
    ):
        assert {each.inode for each in at(port_of(one))} == {inode(one), inode(two)}


def test_without_privileges_a_socket_is_told_without_its_holder(opened):
    """N29: a stranger's socket does not disappear."""
    if os.geteuid():
        pytest.skip("needs root, to stop being it")
    sock = opened()
    port = port_of(sock)
    read, write = os.pipe()
    stranger = os.fork()
    if not stranger:
        try:
            sock.close()
            os.setuid(65534)
            [found] = at(port)
            os.write(write, repr((found.users, found.users_truncated, found.inode)).encode())
        finally:
            os._exit(0)
    os.close(write)
    with os.fdopen(read, "rb") as pipe:
        told = pipe.read()
    os.waitpid(stranger, 0)

    assert told == b"((), False, 0)"


def test_the_ports_are_those_that_ss_lists(opened):
    """N55, N58: what is lost without ss is detail, not ports."""
    path = require("ss")
    for address in ["127.0.0.1", "0.0.0.0", "::1", "::", "127.0.0.53"]:
        opened(address)
        opened(address, socket.SOCK_DGRAM)

    def keys(reading):
        return {(each.protocol, each.port) for each in reading.sockets}

    for _ in range(20):  # other sockets of the machine come and go
        before = keys(ss.parse(run(path, "-lntuH", timeout=10)))
        told = keys(connections.listening())
        after = keys(ss.parse(run(path, "-lntuH", timeout=10)))
        if before == after:
            break

    assert told == before == after


@pytest.mark.parametrize(
    "line",
    [
        None,
        "garbage",
        "0: 0100007F:0016 00000000:0000 FF 0:0 0:0 0 0 0 1",
        "0: nowhere 00000000:0000 0A 0:0 0:0 0 0 0 1",
    ],
)
def test_a_machine_that_does_not_tell_is_a_tool_error(tmp_path, monkeypatch, line):
    """N55, N58: no table, or one that can't be read, is not an empty machine."""
    monkeypatch.setattr(psutil, "PROCFS_PATH", str(tmp_path))
    if line:
        (tmp_path / "net").mkdir()
        (tmp_path / "net" / "tcp").write_text(f"header\n{line}\n")

    with pytest.raises(ToolError, match=r"psutil could not list the sockets: .+"):
        connections.listening()


def test_port_0_is_counted_and_skipped(tmp_path, monkeypatch):
    """N44."""
    monkeypatch.setattr(psutil, "PROCFS_PATH", str(tmp_path))
    (tmp_path / "net").mkdir()
    (tmp_path / "net" / "tcp").write_text("header\n")
    row = "0: {} 00000000:0000 07 0:0 0:0 0 0 0 1\n"
    rows = [row.format("0100007F:0000"), row.format("0100007F:0035")]
    (tmp_path / "net" / "udp").write_text("header\n" + "".join(rows))

    reading = connections.listening()

    assert ([each.port for each in reading.sockets], reading.skipped) == ([53], 1)
