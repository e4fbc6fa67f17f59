"""Who holds which socket, and whether that stays true: with real processes and the real `ss`."""

import os
import socket
from contextlib import closing

import pytest

from collector import process, reader, ss
from collector.holders import ROLL_CALL, TRIES, Holders
from collector.users import User
from tests.collector.crowd import Asked, Crowd, child, free_port, listed, told_by_nobody

LOOKS = 20  # in 300 seconds, one every 15
SHARE = 15 / (300 - 2 * 15)  # what look.py asks to be verified at each
MANY = 300  # sockets of others, so that one of them has to wait for its turn


@pytest.fixture(scope="module")
def crowd(tmp_path_factory):
    with Crowd(tmp_path_factory.mktemp("crowd")) as crowd:
        yield crowd


@pytest.fixture
def server():
    with closing(listen()) as server:
        yield server


@pytest.fixture
def others():
    """Many sockets of this process, all of them listening."""
    servers = [listen() for _ in range(MANY)]
    yield servers
    for each in servers:
        each.close()


@pytest.fixture
def verified(monkeypatch):
    """The (PID, inode) of which it was asked whether they still belong together."""
    asked = []
    holds = process.holds

    def remember(pid, file, inode):
        asked.append((pid, inode))
        return holds(pid, file, inode)

    monkeypatch.setattr(process, "holds", remember)
    return asked


def listen(port=0):
    return socket.create_server(("127.0.0.1", port))


def port_of(server):
    return server.getsockname()[1]


def inode_of(server):
    return os.fstat(server.fileno()).st_ino


def known(sockets, before=None):
    """Return the holders as the first, full look finds them, if nobody came meanwhile."""
    holders = Holders()
    holders.learn(sockets, process.pids() if before is None else before)
    return holders


def unowned(sockets):
    """Return the sockets as they are listed without `-p`."""
    return [each._replace(users=()) for each in sockets]


def open_one(actor):
    """Have an actor listen; return the cookie, the port and the socket as it is listed."""
    port = free_port()
    cookie = actor.open("tcp", "127.0.0.1", port)
    [found] = listed(port)
    return cookie, found


def test_a_process_that_does_not_hold_the_socket_is_not_believed(server):
    """N23: the name of a process can spell any PID, of which none stays but the true one."""
    [real] = listed(port_of(server))
    number = server.fileno()
    forged = (User("a", 1, 3), User("b", os.getpid(), number + 1), User("c", os.getppid(), number))

    holders = known([real._replace(users=forged + real.users)])

    assert holders.of == {real.inode: {os.getpid(): number}}


def test_a_socket_without_holder_is_searched_for_among_the_youngest_first(crowd, monkeypatch):
    """N32: ss looked at the processes before this one listened."""
    old, young = crowd.start(), crowd.start()
    _, found = open_one(young)
    asked = Asked(monkeypatch)

    holders = known(unowned([found]))

    assert list(holders.of[found.inode]) == [young.pid]
    assert young.pid in asked.pids
    assert old.pid not in asked.pids


def test_a_socket_without_holder_is_found_in_an_old_process_too(crowd, server):
    crowd.start()
    [found] = listed(port_of(server))

    holders = known(unowned([found]))

    assert holders.of == {found.inode: {os.getpid(): server.fileno()}}


def test_a_new_socket_is_searched_for_where_the_number_of_files_changed(crowd, server, monkeypatch):
    """Of an old process among younger ones, so the search ends before it has asked them."""
    old, young = crowd.start(), crowd.start()
    holders = known(unowned(listed(port_of(server))))
    _, found = open_one(old)
    if not process.count_files(old.pid):
        pytest.skip("this kernel does not count files")
    holders.follow([found], 1)  # the roll was called: both are known
    old.open("tcp", "127.0.0.1", port := free_port())
    [new] = unowned(listed(port))
    asked = Asked(monkeypatch)

    holders.follow([found, new], 0)

    assert list(holders.of[new.inode]) == [old.pid]
    assert young.pid not in asked.pids


def test_a_socket_that_nobody_holds_is_remembered_and_not_searched_for_again(monkeypatch):
    """It is on its way from one process to another, and stays there."""
    letter_box, sender = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
    with closing(letter_box), closing(sender):
        with closing(listen()) as server:
            socket.send_fds(sender, [b"."], [server.fileno()])
            port = port_of(server)
        found = listed(port)
        asked = Asked(monkeypatch)

        holders = known(found)
        for _ in range(TRIES - 1):
            holders.follow(found, 0)
        searched = asked.pids.count(os.getpid())
        for _ in range(LOOKS):
            holders.follow(found, 1)

        assert holders.of == {found[0].inode: {}}
        assert (searched, asked.pids.count(os.getpid())) == (TRIES, TRIES)


@pytest.mark.parametrize("ending", ["closes", "dies", "becomes another"])
def test_a_socket_that_was_handed_over_is_noticed_within_five_minutes(crowd, others, ending):
    """The giver lets go of it in one way or another; the taker is as old as the giver."""
    giver, taker = crowd.start(), crowd.start()
    cookie, found = open_one(giver)
    before = listed(*map(port_of, others[: MANY // 2]))
    after = listed(*map(port_of, others[MANY // 2 :]))
    sockets = [*before, found, *after]
    holders = known(sockets)
    giver.give(cookie, taker)
    if ending == "closes":
        giver.close(cookie)
    elif ending == "dies":
        giver.kill()
    else:
        giver.close(cookie)
        giver.become(crowd.other)

    changed = set()
    for _ in range(LOOKS):
        changed |= holders.follow(sockets, SHARE)[0]

    assert list(holders.of[found.inode]) == [taker.pid]
    assert (holders.held_by(giver.pid), holders.held_by(taker.pid)) == (set(), {found.inode})
    assert changed == {found.inode}


def test_every_holder_has_its_turn_within_five_minutes(others, verified):
    sockets = listed(*map(port_of, others))
    holders = known(sockets)
    verified.clear()

    for _ in range(LOOKS):
        holders.follow(sockets, SHARE)

    assert len(sockets) == MANY
    assert {inode for _, inode in verified} == {each.inode for each in sockets}


def test_where_each_look_brings_something_new_every_holder_has_its_turn_all_the_same(
    others, verified
):
    """A look at new sockets puts the verifying off, but the next one makes up for it."""
    sockets = listed(*map(port_of, others))
    holders = known(sockets)
    verified.clear()

    holders.follow([*sockets], SHARE)
    put_off = len(verified)
    for _ in range(LOOKS):
        holders.follow([*sockets], SHARE)

    assert put_off == 0
    assert {inode for _, inode in verified} == {each.inode for each in sockets}


def test_a_reused_inode_is_another_socket(crowd, verified):
    """Of what was known of the one before nothing is believed, not even for a look."""
    giver, taker = crowd.start(), crowd.start()
    cookie, found = open_one(giver)
    holders = known([found])
    giver.give(cookie, taker)
    giver.close(cookie)
    verified.clear()

    changed, _ = holders.follow(unowned([found._replace(cookie="ffff")]), 1)

    assert verified == []
    assert changed == {found.inode}
    assert list(holders.of[found.inode]) == [taker.pid]


def test_a_socket_that_was_closed_is_forgotten(server):
    with closing(listen()) as other:
        sockets = listed(port_of(server), port_of(other))
        holders = known(sockets)

    changed, _ = holders.follow(listed(port_of(server)), 0)

    assert changed == set()
    assert list(holders.of) == [inode_of(server)]
    assert holders.held_by(os.getpid()) == {inode_of(server)}


def test_a_worker_that_was_forked_is_found_at_the_next_roll_call(server):
    sockets = listed(port_of(server))
    holders = known(sockets)
    with child() as worker:
        for _ in range(ROLL_CALL):
            holders.follow(sockets, 0)

        assert set(holders.of[inode_of(server)]) == {os.getpid(), worker}


def test_a_worker_that_was_forked_while_ss_looked_around_is_found(server):
    """N32: ss had looked at the processes before; the socket is not without a holder."""
    before = process.pids()
    sockets = listed(port_of(server))
    with child() as worker:
        holders = known(sockets, before)

        assert set(holders.of[inode_of(server)]) == {os.getpid(), worker}


def test_a_process_that_ended_leaves_at_the_next_roll_call(server):
    with child() as worker:
        sockets = listed(port_of(server))
        holders = known(sockets)
        before = set(holders.of[inode_of(server)])

    for _ in range(ROLL_CALL):
        holders.follow(sockets, 0)

    assert before == {os.getpid(), worker}
    assert list(holders.of[inode_of(server)]) == [os.getpid()]
    assert holders.held_by(worker) == set()


def test_a_child_keeps_the_socket_of_an_owner_that_has_ended(crowd):
    """N33: the owner is who holds it now; that the dead one is a zombie makes no difference."""
    owner = crowd.start()
    _, found = open_one(owner)
    heir = owner.fork()
    sockets = listed(found.port)
    holders = known(sockets)
    before = set(holders.of[found.inode])

    owner.kill()
    for _ in range(LOOKS):
        holders.follow(sockets, SHARE)

    assert before == {owner.pid, heir.pid}
    assert list(holders.of[found.inode]) == [heir.pid]


def test_of_more_sharers_than_ss_has_room_for_all_are_found(crowd):
    """N19: 2,601 sharers were cut to 2,427, and the master was among the lost."""
    master = crowd.start()
    _, found = open_one(master)
    everybody = {master.pid, *(master.fork().pid for _ in range(60))}
    [found] = listed(found.port)

    holders = known([found._replace(users=found.users[:3], users_truncated=True)])

    assert len(found.users) == 61
    assert set(holders.of[found.inode]) == everybody


def test_each_socket_of_a_shared_port_has_its_own_holder(crowd):
    """N18, N40: SO_REUSEPORT."""
    one, other = crowd.start(), crowd.start()
    port = free_port()
    cookies = [each.open("tcp", "127.0.0.1", port, shared=True) for each in (one, other)]

    sockets = listed(port)
    holders = known(sockets)

    holder_of = {each.cookie: list(holders.of[each.inode]) for each in sockets}
    assert holder_of == {cookies[0]: [one.pid], cookies[1]: [other.pid]}


def test_a_socket_held_twice_by_one_process_stays_until_both_are_closed(server):
    """Whichever of the two files was known, the other is found."""
    sockets = listed(port_of(server))
    holders = known(sockets)
    inode = inode_of(server)
    with closing(server.dup()) as copy:
        server.close()
        holders.follow(sockets, 1)

        assert holders.of == {inode: {os.getpid(): copy.fileno()}}


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")
def test_a_process_that_may_not_be_looked_into_is_hidden_and_holds_nothing(server):
    """N29, N31."""
    port, mine = port_of(server), os.getpid()

    def question():
        sockets = reader.read(ss.Memo(), with_owners=True, timeout=30).reading.sockets
        server.close()  # what was inherited is no evidence
        holders = known([each for each in sockets if each.port == port])
        return [mine in holders.hidden, list(holders.of.values())]

    assert told_by_nobody(question) == [True, [{}]]
