"""
A watch and its cache: whatever happens, it soon tells what a look without a cache does.

The cheap looks are those of a collector that looks every 15 seconds, only without the waiting.
"""

import os
import socket
from contextlib import closing, suppress
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from collector import listening, look, machine, reader
from collector.holders import ROLL_CALL
from collector.look import FULL_EVERY, VERIFIED_WITHIN, Watch
from collector.sweep import Owner, OwnerState, Protocol, Role, Verdict
from tests.benchmarks.actors import RefusedError
from tests.collector.crowd import Crowd, child, free_port, told_by_nobody
from tests.tools import require

AT = datetime(2026, 1, 1, tzinfo=UTC)
INTERVAL = 15
LOOKS = VERIFIED_WITHIN // INTERVAL
HERE = "127.0.0.1"
MANY = 200
TCP, UDP = Protocol


@pytest.fixture(scope="module")
def crowd(tmp_path_factory):
    with Crowd(tmp_path_factory.mktemp("crowd")) as crowd:
        yield crowd


@pytest.fixture(scope="module")
def _busy():
    """This process listens on many ports, so that everything else has to wait for its turn."""
    servers = [socket.create_server((HERE, 0)) for _ in range(MANY)]
    yield
    for each in servers:
        each.close()


@pytest.fixture
def server():
    with closing(socket.create_server((HERE, 0))) as server:
        yield server


@pytest.fixture
def asked(fake_ss, tmp_path):
    """The options with which ss was run, look by look; it is the real one."""
    return recorded(fake_ss, tmp_path)


def recorded(fake_ss, folder, **options):
    log = folder / "asked"
    log.touch()
    fake_ss(
        f'[ -e {folder}/broken ] && exit 1; echo "$@" >> {log}; exec {require("ss")} "$@"',
        **options,
    )
    return lambda: log.read_text().split()


def looked(watch, at=AT):
    sweep = watch.look("here", at=at, timeout=30, interval=INTERVAL)
    assert sweep.verdict == Verdict.COMPLETE, sweep.reason
    return sweep


def told(sweep, ports):
    """Return what a sweep says of these ports, but for what waits in their queues."""
    return [
        replace(each, endpoints=tuple(end._replace(backlog=0) for end in each.endpoints))
        for each in sweep.listeners
        if each.port in ports
    ]


def port_of(server):
    return server.getsockname()[1]


def the(sweep, port):
    [found] = [each for each in sweep.listeners if each.port == port]
    return found


# What may happen to a port. Each sets the scene, yields the ports that it is about, and goes on.


def it_is_opened(crowd):
    actor, port = crowd.start(), free_port()
    yield {port}
    actor.open("tcp", HERE, port)


def it_is_closed(crowd):
    actor, port = crowd.start(), free_port()
    cookie = actor.open("tcp", HERE, port)
    yield {port}
    actor.close(cookie)


def it_is_opened_again(crowd):
    actor, port = crowd.start(), free_port()
    cookie = actor.open("tcp", HERE, port)
    yield {port}
    actor.close(cookie)
    actor.open("tcp", HERE, port)


def it_is_taken_by_another_program(crowd):
    actor, port = crowd.start(), free_port()
    actor.open("tcp", HERE, port)
    yield {port}
    crowd.end(actor)
    crowd.start(crowd.other).open("tcp", HERE, port)


def it_is_opened_by_a_new_process(crowd):
    port, udp = free_port(), free_port("udp")
    yield {port, udp}
    actor = crowd.start()
    actor.open("tcp", HERE, port)
    actor.open("udp", HERE, udp)


def two_hundred_are_opened_at_once(crowd):
    actor = crowd.start()
    ports = {free_port() for _ in range(MANY)}
    yield ports
    for port in ports:
        with suppress(RefusedError):  # somebody else was quicker to take one of so many
            actor.open("tcp", HERE, port)


def it_is_opened_on_a_second_address(crowd):
    """N41."""
    one, other, port = crowd.start(), crowd.start(crowd.other), free_port()
    one.open("tcp", HERE, port)
    yield {port}
    other.open("tcp", "127.0.0.2", port)


def a_worker_is_forked(crowd):
    """N17."""
    master, port = crowd.start(), free_port()
    master.open("tcp", HERE, port)
    yield {port}
    master.fork()


def a_worker_dies(crowd):
    """N18."""
    master, port = crowd.start(), free_port()
    master.open("tcp", HERE, port)
    worker = master.fork()
    yield {port}
    worker.kill()


def a_master_leaves_its_workers(crowd):
    """N33."""
    master, port = crowd.start(), free_port()
    master.open("tcp", HERE, port)
    master.fork()
    yield {port}
    crowd.end(master)


def a_master_becomes_a_zombie(crowd):
    """N33: nobody asks how it ended."""
    master, port = crowd.start(), free_port()
    master.open("tcp", HERE, port)
    master.fork()
    yield {port}
    master.kill()


def a_worker_loses_its_parent_in_between(crowd):
    """N17: the first one still leads."""
    master, port = crowd.start(), free_port()
    master.open("tcp", HERE, port)
    middle = master.fork()
    middle.fork()
    yield {port}
    middle.kill()


def it_is_handed_over(crowd):
    giver, taker, port = crowd.start(), crowd.start(crowd.other), free_port()
    cookie = giver.open("tcp", HERE, port)
    yield {port}
    giver.give(cookie, taker)
    giver.close(cookie)


def it_is_handed_over_by_one_who_dies(crowd):
    giver, taker, port = crowd.start(), crowd.start(crowd.other), free_port()
    cookie = giver.open("tcp", HERE, port)
    yield {port}
    giver.give(cookie, taker)
    crowd.end(giver)


def its_process_takes_another_name(crowd):
    """N28."""
    actor, port = crowd.start(), free_port()
    actor.open("tcp", HERE, port)
    yield {port}
    actor.rename("a new (title)")


def its_process_becomes_another_program(crowd):
    actor, port = crowd.start(), free_port()
    actor.open("tcp", HERE, port)
    yield {port}
    actor.become(crowd.other)


def its_binary_is_deleted(crowd):
    copy = Path(crowd.server).with_name("deleted")
    os.link(crowd.server, copy)
    actor, port = crowd.start(str(copy)), free_port()
    actor.open("tcp", HERE, port)
    yield {port}
    copy.unlink()


def another_process_joins_it(crowd):
    """N40: SO_REUSEPORT."""
    one, other, port = crowd.start(), crowd.start(), free_port()
    one.open("tcp", HERE, port, shared=True)
    yield {port}
    other.open("tcp", HERE, port, shared=True)


def one_of_two_processes_leaves_it(crowd):
    """N40."""
    one, other, port = crowd.start(), crowd.start(), free_port()
    one.open("tcp", HERE, port, shared=True)
    other.open("tcp", HERE, port, shared=True)
    yield {port}
    crowd.end(one)


HAPPENINGS = [
    it_is_opened,
    it_is_closed,
    it_is_opened_again,
    it_is_taken_by_another_program,
    it_is_opened_by_a_new_process,
    two_hundred_are_opened_at_once,
    it_is_opened_on_a_second_address,
    a_worker_is_forked,
    a_worker_dies,
    a_master_leaves_its_workers,
    a_master_becomes_a_zombie,
    a_worker_loses_its_parent_in_between,
    it_is_handed_over,
    it_is_handed_over_by_one_who_dies,
    its_process_takes_another_name,
    its_process_becomes_another_program,
    its_binary_is_deleted,
    another_process_joins_it,
    one_of_two_processes_leaves_it,
]


@pytest.mark.usefixtures("_busy")
@pytest.mark.parametrize("happening", HAPPENINGS, ids=lambda happening: happening.__name__)
def test_whatever_happens_a_fresh_watch_tells_nothing_else(crowd, happening):
    """N17, N18, N28, N33, N40, N41: within five minutes, in all that a listener says."""
    story = happening(crowd)
    ports = next(story)
    watch = Watch()
    first = looked(watch)
    before = told(looked(watch), ports)

    next(story, None)
    for _ in range(LOOKS):
        sweep = looked(watch)

    now = told(looked(Watch()), ports)
    assert told(first, ports) == before
    assert told(sweep, ports) == now
    assert now != before


@pytest.mark.parametrize(
    "happening",
    [
        it_is_opened,
        it_is_closed,
        it_is_opened_again,
        it_is_taken_by_another_program,
        it_is_opened_by_a_new_process,
        two_hundred_are_opened_at_once,
        it_is_opened_on_a_second_address,
        another_process_joins_it,
        one_of_two_processes_leaves_it,
    ],
    ids=lambda happening: happening.__name__,
)
@pytest.mark.usefixtures("_busy")
def test_what_happens_to_a_socket_itself_is_told_at_once(crowd, happening):
    story = happening(crowd)
    ports = next(story)
    watch = Watch()
    looked(watch)

    next(story, None)

    assert told(looked(watch), ports) == told(looked(Watch()), ports)


@pytest.mark.parametrize(
    "happening",
    [a_worker_is_forked, a_worker_dies, a_master_leaves_its_workers],
    ids=lambda happening: happening.__name__,
)
@pytest.mark.usefixtures("_busy")
def test_forks_and_ends_are_told_at_the_next_roll_call(crowd, happening):
    story = happening(crowd)
    ports = next(story)
    watch = Watch()
    looked(watch)

    next(story, None)
    for _ in range(ROLL_CALL):
        sweep = looked(watch)

    assert told(sweep, ports) == told(looked(Watch()), ports)


def test_only_the_first_look_asks_for_owners(asked):
    """N59: what costs is the search through all files of all processes."""
    watch = Watch()
    for _ in range(4):
        looked(watch)

    assert asked() == ["-lntupHe", "-lntuHe", "-lntuHe", "-lntuHe"]


def test_an_old_ss_is_asked_the_same_with_its_header(fake_ss, tmp_path, server):
    """N1."""
    asked = recorded(fake_ss, tmp_path, version="iproute2-ss160518")
    watch = Watch()
    first, second = looked(watch), looked(watch)

    assert asked() == ["-lntupe", "-lntue"]
    assert told(first, {port_of(server)}) == told(second, {port_of(server)}) != []


def test_a_failed_look_in_between_loses_nothing(asked, tmp_path, server):
    """N58: neither what is known, nor that the next look is a cheap one."""
    watch = Watch()
    first = looked(watch)
    (tmp_path / "broken").touch()
    failed = watch.look("here", at=AT, timeout=30, interval=INTERVAL)
    (tmp_path / "broken").unlink()

    after = looked(watch)

    assert (failed.verdict, failed.listeners) == (Verdict.FAILED, ())
    assert asked() == ["-lntupHe", "-lntuHe"]
    assert told(after, {port_of(server)}) == told(first, {port_of(server)}) != []


def test_a_first_look_that_failed_is_followed_by_a_full_one(asked, tmp_path):
    watch = Watch()
    (tmp_path / "broken").touch()
    watch.look("here", at=AT, timeout=30, interval=INTERVAL)
    (tmp_path / "broken").unlink()

    looked(watch)

    assert asked() == ["-lntupHe"]


@pytest.mark.parametrize(
    ("pauses", "options"),
    [
        ([VERIFIED_WITHIN - 1], ["-lntupHe", "-lntuHe"]),
        ([VERIFIED_WITHIN + 1], ["-lntupHe", "-lntupHe"]),
        ([FULL_EVERY + 1], ["-lntupHe", "-lntupHe"]),
        ([240] * 16, ["-lntupHe", *["-lntuHe"] * 15, "-lntupHe"]),
    ],
)
def test_after_a_pause_and_once_an_hour_a_look_is_full(asked, monkeypatch, pauses, options):
    """Nobody can wait for an hour, and what counts is a clock that no test can set: monotonic."""
    now = 1000.0
    monkeypatch.setattr(look, "monotonic", lambda: now)
    watch = Watch()
    looked(watch)
    for pause in pauses:
        now += pause
        looked(watch)

    assert asked() == options


def test_what_the_cache_can_miss_is_told_by_the_hourly_look(crowd, monkeypatch):
    """A stated blind spot: a second holder, by a socket passed to it, while the first keeps it."""
    now = 1000.0
    monkeypatch.setattr(look, "monotonic", lambda: now)
    giver, taker, port = crowd.start(), crowd.start(), free_port()
    cookie = giver.open("tcp", HERE, port)
    watch = Watch()
    looked(watch)
    giver.give(cookie, taker)

    now += FULL_EVERY + 1

    assert the(looked(watch), port).owner.pids == (giver.pid, taker.pid)


def test_to_forget_costs_a_full_look_and_nothing_else(asked, server):
    watch = Watch()
    before = looked(watch)

    watch.forget()

    assert watch.last is before
    assert told(looked(watch), {port_of(server)}) == told(before, {port_of(server)}) != []
    assert asked() == ["-lntupHe", "-lntupHe"]


def test_while_ss_is_away_psutil_tells_the_same_owners(monkeypatch, server):
    """N58: an upgrade of iproute2, for instance; nobody has to tell the watch."""
    port = port_of(server)
    paths = reader.PATHS
    watch = Watch()
    before = looked(watch)
    monkeypatch.setattr(reader, "PATHS", ["/nowhere/ss"])
    with closing(socket.create_server((HERE, 0))) as other:
        away = [looked(watch), looked(watch)]
        monkeypatch.setattr(reader, "PATHS", paths)
        after = [looked(watch), looked(watch)]
        fresh = looked(Watch())

        sources = [each.source for each in (before, *away, *after)]
        assert sources == ["ss", "psutil", "psutil", "ss", "ss"]
        assert the(away[0], port).owner == the(before, port).owner
        assert the(away[1], port_of(other)).owner.pids == (os.getpid(),)
        for each in after:
            ports = {port, port_of(other)}
            assert told(each, ports) == told(fresh, ports)


def test_of_rows_that_differ_in_nothing_each_counts(fake_ss, tmp_path):
    """N40, N57: through /proc nothing tells the UDP sockets of a shared port apart."""
    rows = tmp_path / "rows"
    fake_ss(f"cat {rows}")
    row = "udp UNCONN 0 0 127.0.0.1:5353 0.0.0.0:*\n"
    watch = Watch()
    counts = []
    for count in (2, 3, 1):
        rows.write_text(f"tcp LISTEN 0 5 127.0.0.1:80 0.0.0.0:* ino:4000000001\n{row * count}")
        counts.append(len(the(looked(watch), 5353).endpoints))

    assert counts == [2, 3, 1]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")
def test_without_privileges_a_watch_and_a_fresh_one_tell_the_same(server):
    """N29: what may not be seen stays so, and nothing of it is worth a changed sweep."""
    port = port_of(server)

    def question():
        server.close()  # what was inherited
        watch = Watch()
        sweeps = [looked(watch) for _ in range(LOOKS)]
        fresh = looked(Watch())
        same = [told(each, {port}) == told(fresh, {port}) for each in sweeps]
        return [the(fresh, port).owner.state, all(same), len({each.owners_seen for each in sweeps})]

    assert told_by_nobody(question) == [OwnerState.NOT_PERMITTED, True, 1]


def test_two_watches_at_once_do_not_disturb_each_other(asked, server):
    one, other = Watch(), Watch()
    looked(one)
    with child() as worker:
        looked(other)
        for _ in range(4):
            first = looked(one)
        second = looked(other)

    ports = {port_of(server)}
    assert told(first, ports) == told(second, ports)
    assert the(first, port_of(server)).owner.pids == (os.getpid(), worker)
    assert asked() == ["-lntupHe", "-lntupHe", *["-lntuHe"] * 5]


def test_a_udp_socket_is_a_client_on_an_ephemeral_port_alone():
    """N36: by the range that the kernel lends from."""
    below = machine.ephemeral_ports().start - 1
    with closing(socket.socket(type=socket.SOCK_DGRAM)) as client:
        client.bind((HERE, 0))
        with closing(socket.socket(type=socket.SOCK_DGRAM)) as server:
            while server.getsockname()[1] == 0:
                with suppress(OSError):  # it is taken, so the one below
                    server.bind((HERE, below))
                below -= 1
            sweep = looked(Watch())

            assert sweep.by_key["udp", port_of(client)].is_client
            assert not sweep.by_key["udp", port_of(server)].is_client


@pytest.mark.parametrize(
    ("protocol", "owner", "is_client"),
    [
        (UDP, Owner(OwnerState.KNOWN), True),
        (UDP, Owner(OwnerState.NOT_PERMITTED), True),
        (UDP, Owner(OwnerState.OUTSIDE_VIEW), True),
        (UDP, Owner(OwnerState.KNOWN, role=Role.PROXY), False),
        (UDP, Owner(OwnerState.KNOWN, role=Role.SOCKET_UNIT), False),
        (UDP, Owner(OwnerState.KNOWN, role=Role.TUNNEL), False),
        (UDP, Owner(OwnerState.KERNEL, process_name="wireguard"), False),
        (TCP, Owner(OwnerState.KNOWN), False),
    ],
)
def test_who_is_there_to_be_asked_is_no_client_however_high_its_port(protocol, owner, is_client):
    """N36, N37: WireGuard, the proxy of a container and a socket unit are servers."""
    with closing(socket.socket(type=socket.SOCK_DGRAM)) as high:
        high.bind((HERE, 0))
        [found] = [
            each
            for each in reader.read(look.ss.Memo(), with_owners=False, timeout=30).reading.sockets
            if each.port == port_of(high) and each.protocol is UDP
        ]

    told = listening.listener(
        [listening.endpoint(found)],
        owner,
        found._replace(protocol=protocol),
        ephemeral=machine.ephemeral_ports(),
    )

    assert told.is_client is is_client
