"""What the kernel tells, of real sockets. An event is there when the call that made it returns."""

import os
import select
import socket
import subprocess
import time
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest

from collector.ebpf import stream as streams
from collector.ebpf.stream import SO_COOKIE, Stream
from collector.look import at_saved_output
from tests.tools import do_without, require

TCP, UDP = socket.SOCK_STREAM, socket.SOCK_DGRAM
V4, V6 = socket.AF_INET, socket.AF_INET6
OPEN, CLOSE = True, False
LINUX = tuple(map(int, os.uname().release.split(".")[:2]))


def bound(kind=TCP, address="127.0.0.1", port=0, *options):
    sock = socket.socket(V6 if ":" in address else V4, kind)
    for each in options:
        sock.setsockopt(socket.SOL_SOCKET, each, 1)
    sock.bind((address, port))
    return sock


def listening(*args):
    sock = bound(TCP, *args)
    sock.listen()
    return sock


def port_of(sock):
    return sock.getsockname()[1]


def cookie_of(sock):
    raw = sock.getsockopt(socket.SOL_SOCKET, SO_COOKIE, 8)
    return f"{int.from_bytes(raw, 'little'):x}"


def told(stream, *cookies):
    """Return what was told of some sockets since the last call: of other tests there is more."""
    return [(each.is_open, each.cookie) for each in stream.read() if each.cookie in cookies]


def seen():
    """Return the listeners of this machine, as a look sees them."""
    output = subprocess.check_output([require("ss"), "-lntuHe"])  # noqa: S603  # any ss
    return at_saved_output(output, "atlas", at=datetime.now(UTC)).listeners


def test_tcp_opens_at_listen_and_closes_at_the_end_of_it(stream):
    with bound() as sock:
        it = cookie_of(sock)
        assert told(stream, it) == []

        sock.listen()
        sock.listen(50)
        assert told(stream, it) == [(OPEN, it)]

    assert told(stream, it) == [(CLOSE, it)]


def test_udp_opens_at_bind_and_closes_at_close(stream):
    with bound(UDP) as sock:
        it = cookie_of(sock)
        assert told(stream, it) == [(OPEN, it)]

    assert told(stream, it) == [(CLOSE, it)]


@pytest.mark.parametrize("address", ["127.0.0.1", "::1", "0.0.0.0", "::"])
@pytest.mark.parametrize("kind", [TCP, UDP])
def test_an_event_tells_what_where_who_and_when(stream, kind, address):
    before = time.monotonic()
    with bound(kind, address) as sock:
        if kind == TCP:
            sock.listen()
        port, cookie = port_of(sock), cookie_of(sock)

    opened, closed = [each for each in stream.read() if each.cookie == cookie]

    assert opened.protocol == {TCP: "tcp", UDP: "udp"}[kind]
    assert (opened.port, opened.address) == (port, address)
    assert opened.pid == os.getpid()
    assert opened.process_name == Path("/proc/self/comm").read_text(encoding="utf-8").strip()
    assert before <= opened.at <= closed.at <= time.monotonic()
    assert closed == opened._replace(is_open=False, at=closed.at)


@pytest.mark.skipif(LINUX < (5, 15), reason="Linux doesn't tell whose it is before 5.15.")
def test_listen_without_bind_opens_the_port_that_it_chose(stream):
    with socket.socket() as sock:
        sock.listen()
        port, cookie = port_of(sock), cookie_of(sock)

    events = [each for each in stream.read() if each.cookie == cookie]

    assert [(each.is_open, each.port) for each in events] == [(OPEN, port), (CLOSE, port)]
    assert {(each.address, each.pid) for each in events} == {("0.0.0.0", None)}


def test_a_listen_that_fails_opens_nothing(stream):
    shared = socket.SO_REUSEADDR
    with bound(TCP, "127.0.0.1", 0, shared) as one:
        with bound(TCP, "127.0.0.1", port_of(one), shared) as other:
            one.listen()
            with pytest.raises(OSError, match="Address already in use"):
                other.listen()
            cookies = cookie_of(one), cookie_of(other)

        assert told(stream, *cookies) == [(OPEN, cookies[0])]


def test_a_shutdown_closes_once(stream):
    with listening() as sock:
        it = cookie_of(sock)
        sock.shutdown(socket.SHUT_RDWR)
        assert told(stream, it) == [(OPEN, it), (CLOSE, it)]

    assert told(stream, it) == []


def test_a_port_that_listens_anew_opens_anew_by_whoever_bound_it(stream):
    with listening() as sock:
        cookie = cookie_of(sock)
        sock.shutdown(socket.SHUT_RDWR)
        sock.listen()

    events = [(each.is_open, each.pid) for each in stream.read() if each.cookie == cookie]

    assert events == 2 * [(OPEN, os.getpid()), (CLOSE, os.getpid())]


def test_connections_are_no_events(stream):
    with listening() as sock:
        cookies = [cookie_of(sock)]
        for _ in range(3):
            with socket.create_connection(sock.getsockname()) as client:
                accepted, _ = sock.accept()
                cookies += [cookie_of(client), cookie_of(accepted)]
                accepted.close()

        assert told(stream, *cookies) == [(OPEN, cookies[0])]


def test_a_client_that_binds_is_no_event(stream):
    with listening() as sock, bound() as client:
        it = cookie_of(client)
        client.connect(sock.getsockname())

    assert told(stream, it) == []


def test_a_client_that_only_sends_is_no_event(stream):
    with socket.socket(V4, UDP) as sock:
        sock.sendto(b"", ("127.0.0.1", 9))
        it = cookie_of(sock)

    assert told(stream, it) == []


def test_two_sockets_that_share_a_port_are_told_apart(stream):
    shared = socket.SO_REUSEPORT
    one = listening("127.0.0.1", 0, shared)
    other = listening("127.0.0.1", port_of(one), shared)
    first, second = cookie_of(one), cookie_of(other)

    one.close()
    assert told(stream, first, second) == [(OPEN, first), (OPEN, second), (CLOSE, first)]

    other.close()
    assert told(stream, first, second) == [(CLOSE, second)]


def test_a_socket_closes_when_its_last_holder_does(stream):
    """A fork, a socket unit's service: whoever gets a socket passed keeps it open."""
    sock = listening()
    it = cookie_of(sock)
    heir = subprocess.Popen(["cat"], stdin=subprocess.PIPE, pass_fds=[sock.fileno()])  # noqa: S607  # any cat

    sock.close()
    assert told(stream, it) == [(OPEN, it)]

    heir.communicate()
    assert told(stream, it) == [(CLOSE, it)]


HOLDER = """
import socket, sys
tcp, udp = socket.create_server(("127.0.0.1", 0)), socket.socket(type=socket.SOCK_DGRAM)
udp.bind(("127.0.0.1", 0))
print("ready", flush=True)
sys.stdin.read()
"""


def test_what_is_killed_closes_its_ports(stream, start):
    holder = start(HOLDER)
    holder.stdout.readline()

    holder.kill()
    holder.wait()
    events = [each for each in stream.read() if each.pid == holder.pid]

    assert sorted((each.protocol, each.is_open) for each in events) == [
        ("tcp", CLOSE),
        ("tcp", OPEN),
        ("udp", CLOSE),
        ("udp", OPEN),
    ]


def test_mptcp_is_told_as_tcp(stream):
    try:
        sock = socket.socket(V4, TCP, socket.IPPROTO_MPTCP)
    except OSError:
        do_without("MPTCP")
    sock.bind(("127.0.0.1", 0))
    port = port_of(sock)
    sock.listen()
    events = [each for each in stream.read() if each.port == port]
    assert [(each.is_open, each.protocol) for each in events] == [(OPEN, "tcp")]

    sock.close()
    while not (events := [each for each in stream.read() if each.cookie == events[0].cookie]):
        select.select([stream], [], [])  # the kernel takes its time
    assert [(each.is_open, each.port) for each in events] == [(CLOSE, port)]


def test_a_name_that_a_process_chose_is_printable(stream, start):
    naming = 'open("/proc/self/comm", "wb").write(b"\\xff\\x1b[31m")'

    named = start(f"{naming}; {HOLDER}")
    named.stdout.readline()

    names = {each.process_name for each in stream.read() if each.pid == named.pid}
    assert names == {r"\xff\x1b[31m"}


def test_another_network_namespace_is_not_told(stream, start):
    elsewhere = start(HOLDER, require("unshare"), "--net")
    elsewhere.stdout.readline()
    elsewhere.communicate()

    assert [each for each in stream.read() if each.pid == elsewhere.pid] == []


def test_a_cookie_is_the_one_that_ss_names(stream):
    with listening() as tcp, bound(UDP) as udp:
        ports = {port_of(tcp), port_of(udp)}
        told = {each.cookie for each in stream.read() if each.port in ports}

        cookies = {e.cookie for each in seen() if each.port in ports for e in each.endpoints}
        assert told == cookies


@pytest.mark.parametrize("address", ["127.0.0.1", "::1", "::"])
@pytest.mark.parametrize("kind", [TCP, UDP])
@pytest.mark.usefixtures("_kernel_tells")
def test_a_socket_from_before_closes_with_its_port(kind, address):
    with bound(kind, address) as sock:
        if kind == TCP:
            sock.listen()
        port, cookie = port_of(sock), cookie_of(sock)

        with closing(Stream()) as stream:
            stream.know(seen())
            sock.close()
            events = [each for each in stream.read() if each.cookie == cookie]

    assert [(each.is_open, each.port) for each in events] == [(CLOSE, port)]
    assert [(each.address, each.pid, each.process_name) for each in events] == [(address, None, "")]


@pytest.mark.usefixtures("_kernel_tells")
def test_a_socket_from_before_that_nobody_told_of_closes_in_silence():
    sock = listening()
    it = cookie_of(sock)

    with closing(Stream()) as stream:
        sock.close()
        assert told(stream, it) == []


def test_only_what_the_first_look_saw_is_from_before(stream):
    stream.know(seen())
    with socket.socket(V4, UDP) as client:
        client.sendto(b"", ("127.0.0.1", 9))
        it = cookie_of(client)

        stream.know(seen())

    assert told(stream, it) == []


def test_a_look_takes_nothing_from_what_a_bind_told(stream):
    with listening() as sock:
        cookie = cookie_of(sock)
        stream.know(seen())

    pids = [each.pid for each in stream.read() if each.cookie == cookie]

    assert pids == [os.getpid(), os.getpid()]


def test_a_stream_is_readable_when_something_was_told(stream):
    stream.read()
    sock = bound(UDP)

    readable, _, _ = select.select([stream], [], [], 10)

    sock.close()
    assert readable == [stream]


def test_a_flood_is_read_in_parts(stream, monkeypatch):
    monkeypatch.setattr(streams, "AT_ONCE", 4)
    cookies = []
    for _ in range(3):
        with bound(UDP) as sock:
            cookies.append(cookie_of(sock))

    parts = []
    while len(events := [each for part in parts for each in part if each.cookie in cookies]) < 6:
        parts.append(stream.read())

    assert max(map(len, parts)) == 4
    assert [each.cookie for each in events] == [each for each in cookies for _ in (OPEN, CLOSE)]


# In a network namespace of its own, so that nobody else's sockets are counted.
FLOOD = """
import socket
from collector.ebpf.stream import Stream
stream, events = Stream(), []
for i in range({pairs}):
    if i % {read_every} == 0:
        events += stream.read()
    with socket.socket() as tcp:
        tcp.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        tcp.bind(("0.0.0.0", 20000 + i % 10000))
        tcp.listen()
    with socket.socket(type=socket.SOCK_DGRAM) as udp:
        udp.bind(("0.0.0.0", 20000 + i % 10000))
events += stream.read()
in_order = [
    (is_open, protocol, 20000 + i % 10000)
    for i in range({pairs}) for protocol in ("tcp", "udp") for is_open in (True, False)
]
told = [event[:3] for event in events]
print(told == in_order[: len(told)], len(told), stream.lost(), stream.lost())
"""


def flood(start, *, pairs, read_every):
    program = FLOOD.format(pairs=pairs, read_every=read_every)
    flooding = start(program, require("unshare"), "--net")
    return flooding.communicate()[0].split()


def test_four_thousand_events_are_told_in_order(start):
    assert flood(start, pairs=1_000, read_every=100) == ["True", "4000", "0", "0"]


def test_what_finds_no_room_is_counted_exactly(start):
    in_order, told, lost, lost_since = flood(start, pairs=3_000, read_every=3_000)

    assert in_order == "True"
    assert int(told) < 12_000
    assert int(told) + int(lost) == 12_000
    assert lost_since == "0"


def test_processes_of_another_pid_namespace_have_no_pid(start):
    told = """
import socket
from collector.ebpf.stream import Stream
stream = Stream()
socket.socket(type=socket.SOCK_DGRAM).bind(("0.0.0.0", 0))
print({(event.pid, event.process_name != "") for event in stream.read()})
"""
    inside = start(told, require("unshare"), "--net", "--pid", "--fork", "--mount-proc")

    assert inside.communicate()[0] == "{(None, True)}\n"
