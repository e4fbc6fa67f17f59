"""Looks at this machine with its real `ss`, and at one whose `ss` is out of order."""

import os
import socket
import sys
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest

from collector import process, reader
from collector.look import Watch, at_saved_output
from collector.sweep import OwnersSeen, OwnerState, Protocol, Scope, Verdict

AT = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture
def listening():
    """Return a function that listens on a free port and returns it."""
    sockets = []

    def listening(address="127.0.0.1", family=socket.AF_INET, kind=socket.SOCK_STREAM):
        sock = socket.socket(family, kind)
        sockets.append(sock)
        sock.bind((address, 0))
        if kind == socket.SOCK_STREAM:
            sock.listen(7)
        return sock.getsockname()[1]

    yield listening
    for sock in sockets:
        sock.close()


def listener(port, protocol=Protocol.TCP):
    sweep = Watch().look("here", at=AT, timeout=10)
    return {each.key: each for each in sweep.listeners}.get((protocol, port))


def test_a_listener_of_this_process_is_seen_with_its_owner(listening):
    port = listening()

    found = listener(port)

    [endpoint] = found.endpoints
    assert (endpoint.address, endpoint.scope, endpoint.limit) == ("127.0.0.1", Scope.LOOPBACK, 7)
    assert endpoint.cookie != ""
    assert (found.owner.state, found.owner.pids) == (OwnerState.KNOWN, (os.getpid(),))
    assert os.path.basename(sys.executable)[:6] in found.owner.cmdline  # noqa: PTH119  # a name, no path
    assert os.path.samefile(found.owner.exe, os.path.realpath(sys.executable))  # noqa: PTH121  # both are text


def test_a_dual_stack_wildcard_is_reachable_from_everywhere(listening):
    found = listener(listening("::", socket.AF_INET6))

    assert ([end.address for end in found.endpoints], found.scope) == (["::"], Scope.ANY)


def test_a_udp_socket_on_an_ephemeral_port_is_taken_for_a_client(listening):
    port = listening(kind=socket.SOCK_DGRAM)

    assert listener(port, Protocol.UDP).is_client


def test_the_first_process_leads_those_that_share_a_socket(listening):
    """N17: ss lists the youngest worker first."""
    port = listening()
    read, write = os.pipe()
    worker = os.fork()
    if not worker:
        os.close(write)
        os.read(read, 1)  # until the test closes its end
        os._exit(0)
    os.close(read)
    try:
        assert listener(port).owner.pids == (os.getpid(), worker)
    finally:
        os.close(write)
        os.waitpid(worker, 0)


def test_a_port_that_was_closed_is_no_longer_seen():
    with closing(socket.create_server(("127.0.0.1", 0))) as server:
        port = server.getsockname()[1]
        assert listener(port)

    assert listener(port) is None


@pytest.mark.parametrize(
    ("script", "reason"),
    [
        ("echo broken >&2; exit 3", "ss ended with code 3: broken"),
        ("exit 255", "ss ended with code 255: it said nothing"),
        ("exec sleep 60", "ss gave no answer within 0.5 s."),
        ("sleep 60 & exec >&- 2>&-; wait", "ss gave no answer within 0.5 s."),
        ("exec cat /dev/zero", "ss printed more than 33554432 bytes."),
    ],
)
def test_a_look_that_failed_says_why(fake_ss, script, reason):
    fake_ss(script)

    sweep = Watch().look("here", at=AT, timeout=5 if "zero" in script else 0.5)

    assert (sweep.verdict, sweep.reason, sweep.listeners) == (Verdict.FAILED, reason, ())


def test_an_old_ss_is_asked_without_what_it_does_not_know(fake_ss):
    """N1: -H is an error before 4.7, so the header has to be read over."""
    fake_ss(
        "[ $1 = -lntupe ] || exit 255\n"
        "echo 'Netid  State  Recv-Q Send-Q Local Address:Port  Peer Address:Port'\n"
        "echo 'tcp    LISTEN 0      5      127.0.0.1:80          *:*'",
        version="iproute2-4.6.0",
    )

    [found] = Watch().look("here", at=AT, timeout=5).listeners

    assert (found.port, found.endpoints[0].address) == (80, "127.0.0.1")


def test_a_missing_ss_leaves_the_ports_to_psutil(monkeypatch, listening):
    """N58: the same ports with their owners, and it is said what can't be told."""
    port = listening()
    monkeypatch.setattr(reader, "PATHS", ["/nowhere/ss"])

    sweep = Watch().look("here", at=AT, timeout=10)

    [found] = [each for each in sweep.listeners if each.port == port]
    assert (sweep.verdict, sweep.source, sweep.reason) == (
        Verdict.COMPLETE,
        "psutil",
        reader.NO_SS,
    )
    assert (found.owner.state, found.owner.pids) == (OwnerState.KNOWN, (os.getpid(),))
    assert (found.endpoints[0].cookie, found.endpoints[0].inode > 0) == ("", True)


def test_an_empty_listing_is_suspect(fake_ss):
    fake_ss("exit 0")

    sweep = Watch().look("here", at=AT, timeout=5)

    assert (sweep.verdict, sweep.reason) == (Verdict.SUSPECT, "No port was listed at all.")


def test_text_that_is_no_listing_is_a_failed_look(fake_ss):
    fake_ss("echo '<html>'")

    assert Watch().look("here", at=AT, timeout=5).verdict == Verdict.FAILED


def test_an_unreadable_row_makes_a_look_partial(fake_ss):
    fake_ss(
        "echo 'tcp LISTEN 0 5 127.0.0.1:80 0.0.0.0:*'; echo 'tcp LISTEN 0 5 127.0.0.1:http *:*'"
    )

    sweep = Watch().look("here", at=AT, timeout=5)

    assert sweep.verdict == Verdict.PARTIAL
    assert [each.port for each in sweep.listeners] == [80]


def test_a_forged_pid_is_not_believed(fake_ss):
    """N23: ss says that PID 1 holds it; PID 1 does not hold such a socket."""
    fake_ss(
        "echo 'tcp LISTEN 0 5 127.0.0.1:80 0.0.0.0:* "
        'users:(("x",pid=1,fd=3)) ino:4000000001 sk:1\''
    )

    [found] = Watch().look("here", at=AT, timeout=5).listeners

    assert found.owner.pids == ()
    assert found.owner.state != OwnerState.KNOWN


def test_nothing_of_the_environment_reaches_ss(fake_ss, monkeypatch, tmp_path):
    """N13: COLUMNS and PROC_ROOT change what ss prints and reads."""
    monkeypatch.setenv("COLUMNS", "20")
    fake_ss(f"env > {tmp_path}/env")

    Watch().look("here", at=AT, timeout=5)

    names = {line.partition("=")[0] for line in (tmp_path / "env").read_text().splitlines()}
    assert names - {"_", "PWD", "SHLVL", "OLDPWD"} == {"LC_ALL", "PATH"}


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")
def test_without_privileges_the_ports_are_seen_and_the_owners_are_not_permitted(listening):
    """N29: no users column is no unknown process."""
    port = listening()
    read, write = os.pipe()
    child = os.fork()
    if not child:
        try:
            os.dup2(write, 3)
            os.closerange(4, 1000)  # it must not hold the socket itself
            os.setgid(65534)
            os.setuid(65534)
            sweep = Watch().look("here", at=AT, timeout=10)
            state = next(each.owner.state for each in sweep.listeners if each.port == port)
            os.write(3, f"{sweep.verdict} {sweep.owners_seen} {state}".encode())
        finally:
            os._exit(0)  # whatever happens, no second pytest goes on from here
    os.close(write)
    with open(read) as pipe:  # noqa: PTH123  # a pipe has no path
        said = pipe.read().split()
    os.waitpid(child, 0)

    assert said[0] == Verdict.COMPLETE
    assert said[1] in {OwnersSeen.NONE, OwnersSeen.SOME}
    assert said[2] == OwnerState.NOT_PERMITTED


def test_saved_output_has_the_owners_that_it_names():
    output = (
        b"tcp LISTEN 0 128 0.0.0.0:80 0.0.0.0:* "
        b'users:(("nginx",pid=12,fd=6),("nginx",pid=11,fd=6)) ino:5 sk:1 '
        b"cgroup:/system.slice/nginx.service <->\n"
        b"tcp LISTEN 0 128 127.0.0.1:631 0.0.0.0:* ino:6 sk:2\n"
    )

    sweep = at_saved_output(output, "there", at=AT)

    web, printer = sweep.listeners
    assert (web.owner.pids, web.owner.process_name) == ((11, 12), "nginx")
    assert web.owner.unit == "nginx.service"
    assert printer.owner.state == OwnerState.OUTSIDE_VIEW
    assert (sweep.owners_seen, sweep.machine_id) == (OwnersSeen.SOME, "")


def test_saved_output_without_names_blames_the_privileges():
    sweep = at_saved_output(b"tcp LISTEN 0 128 0.0.0.0:80 0.0.0.0:*\n", "there", at=AT)

    assert sweep.listeners[0].owner.state == OwnerState.NOT_PERMITTED
    assert sweep.owners_seen == OwnersSeen.NONE


def test_an_error_in_the_search_for_owners_is_a_failed_look(monkeypatch, listening):
    """As of a process that has no file left to open; the next look begins anew."""
    watch = Watch()
    watch.look("here", at=AT, timeout=10)
    listening()

    with monkeypatch.context() as patch:
        patch.setattr(process, "pids", Path("/nowhere").stat)
        failed = watch.look("here", at=AT, timeout=10)

    assert (failed.verdict, "/nowhere" in failed.reason) == (Verdict.FAILED, True)
    assert watch.look("here", at=AT, timeout=10).verdict == Verdict.COMPLETE


def test_an_ss_that_does_not_tell_its_version_is_read_all_the_same(fake_ss, tmp_path):
    fake_ss("[ $1 = -V ] && exit 1; echo 'tcp LISTEN 0 5 127.0.0.1:80 0.0.0.0:*'")
    script = (tmp_path / "ss").read_text().replace("exec echo ss utility", "exit 1; : ss utility")
    (tmp_path / "ss").write_text(script)

    sweep = Watch().look("here", at=AT, timeout=5)

    assert (sweep.verdict, [each.port for each in sweep.listeners]) == (Verdict.COMPLETE, [80])
