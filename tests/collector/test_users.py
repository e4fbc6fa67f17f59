"""Names that lie: whatever a process calls itself, no PID but a true one is believed."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from collector import ss
from collector.ss import User
from collector.users import CUT

TAIL = b" ino:77 sk:7f cgroup:/a <->"
NEXT = b"tcp LISTEN 0 5 10.0.0.1:81 0.0.0.0:*\n"


def text(*users, tail=TAIL, form=b'("%b",pid=%d,fd=%d)'):
    column = b",".join(form % user for user in users)
    return b"tcp LISTEN 0 5 10.0.0.1:80 0.0.0.0:* users:(%b)%b\n" % (column, tail)


def read(whole):
    """Return the first of the two sockets that any of these texts has, untouched otherwise."""
    reading = ss.parse(whole + NEXT)
    assert [each.port for each in reading.sockets] == [80, 81]
    assert (reading.skipped, reading.unreadable) == (0, 0)
    assert reading.sockets[1] == ss.parse(NEXT).sockets[0]
    return reading.sockets[0]


@pytest.mark.parametrize("tail", [TAIL, b"", b"        ", b"   ino:77 sk:7f <->   "])
@pytest.mark.parametrize(
    ("name", "shown"),
    [
        (b"next-server (v1", "next-server (v1"),
        (b'a "q" b)c(d', 'a "q" b)c(d'),
        (b"pid=1,fd=3", "pid=1,fd=3"),
        (b"users:((", "users:(("),
        (b'",pid=1,fd=3)', '",pid=1,fd=3)'),
        (b'",pid=1,fd=3))', '",pid=1,fd=3))'),
        (b'",pid=1,fd=3)) ', '",pid=1,fd=3)) '),
        (b'",pid=1,fd=3))\n', '",pid=1,fd=3))\\n'),
        (b'",pid=1,fd=3),(', '",pid=1,fd=3),('),
        (b',pid=1,fd=3),("', ',pid=1,fd=3),("'),
        (b",pid=1,fd=3)) x", ",pid=1,fd=3)) x"),
        (b'("x",pid=1,fd=3', '("x",pid=1,fd=3'),
        (b"))", "))"),
        (b" ino:1 sk:1 ", " ino:1 sk:1 "),
        (b'")) sk:1 ino:1', '")) sk:1 ino:1'),
        (b"\xff\xfe", "\\xff\\xfe"),
        (b"\x1b[31mred", "\\x1b[31mred"),
        (b"\xe2\x80\xaeexe", "\\u202eexe"),
        (b"", ""),
    ],
)
def test_a_spoofed_pid_is_not_believed(name, shown, tail):
    """N20, N21, N22, N23, N24, N25, N27."""
    socket = read(text((name, 99, 5), tail=tail))

    assert socket.users == (User(shown, 99, 5),)
    assert not socket.users_truncated
    assert (socket.inode, socket.cookie) in {(77, "7f"), (0, "")}


@pytest.mark.parametrize(
    "name",
    [
        b"x\ny",
        b"\n\n\n",
        b"x\n",
        b"\ntcp LISTEN 0 1",
        b"\ntcp LISTEN 0 ",
        b"\ntcp ESTAB 0 0 ",
        b"\ntcp ESTAB 0 0x",
        b"\nnl UNCONN 0 0 ",
        b"\nnl ESTAB 0 0 x",
        b"\nudp UNCONN 0 0",
        b"\nNetid State R",
        b" LISTEN 0 1 ",
        b"\n`- ESTAB 0 0 ",
        b"\r\n",
    ],
)
@pytest.mark.parametrize("tail", [TAIL, b""])
def test_a_newline_in_a_name_makes_no_row_and_hides_none(name, tail):
    """N24: fifteen bytes are too few for the head of a row."""
    socket = read(text((name, 99, 5), (b"b", 100, 6), tail=tail))

    assert socket.users == (User(ss.safe(name), 99, 5), User("b", 100, 6))
    assert socket.inode == (77 if tail else 0)


def test_what_can_be_read_in_two_ways_is_not_believed():
    """Of two processes with one-digit PIDs; the holders are then to be looked up in /proc."""
    socket = read(text((b'",pid=1,fd=3),(', 9, 5), (b"", 98, 5)))

    assert {user.pid for user in socket.users} <= {9, 98}
    assert socket.users_truncated
    assert (socket.inode, socket.cookie) == (77, "7f")


def test_a_forgery_in_the_form_of_old_builds_is_not_believed():
    """Before 3.14 `",1,3),("` was short enough for a name."""
    socket = read(text((b'",1,3),("', 99, 5), form=b'("%b",%d,%d)'))

    assert (socket.users, socket.users_truncated) == ((), True)


def test_names_longer_than_the_kernel_makes_them_are_read_if_they_can_be():
    """N20, and kernels that wrote a newline as two characters."""
    assert read(text((b"next-server (v16.1.1)", 9, 3))).users[0].name == "next-server (v16.1.1)"
    assert read(text((b'a "long", quoted name', 99, 3))).users[0].pid == 99


@pytest.mark.parametrize(
    "cgroup",
    [
        b'/a",pid=1,fd=3)) ino:1 sk:1',
        b"/a ino:1 sk:1 uid:5",
        b"/ uid:1 v6only:1",
    ],
)
def test_a_cgroup_forges_nothing(cgroup):
    tail = b" ino:77 sk:7f cgroup:%b <->" % cgroup
    held, orphaned = read(text((b"evil", 99, 5), tail=tail)), read(text(tail=tail))

    assert held.users == (User("evil", 99, 5),)
    for socket in (held, orphaned):
        assert (socket.inode, socket.cookie, socket.uid) == (77, "7f", 0)
        assert socket.cgroup.startswith("/")


def test_a_cgroup_forges_no_owner_for_a_socket_without_one():
    whole = (
        b'tcp LISTEN 0 5 *:80 *:* ino:77 sk:7f cgroup:/a users:(("x",pid=1,fd=3)) v6only:0 <->\n'
    )
    socket = ss.parse(whole).sockets[0]

    assert (socket.users, socket.family, socket.cgroup) == ((), ss.Family.DUAL, "/a")


def test_a_cgroup_with_spaces_keeps_its_name():
    assert read(text((b"a", 99, 5), tail=b" ino:77 sk:7f cgroup:/a b/c  <->  ")).cgroup == "/a b/c"


names = pytest.mark.parametrize(
    "name", [b"python3", b'",pid=1,fd=3),(', b'",pid=1,fd=3)) ', b" ino:1 sk:1 "]
)
ends = pytest.mark.parametrize("later", [b"", b"   ino:77 sk:7f cgroup:/ <->"])


def holds_what_was_not_cut(name, later, limit, cut):
    """Cut the column of a list that is longer than that; nothing that hangs there is believed."""
    truth = [(name, 10_000 + number, 5) for number in range(limit // 25)]
    column = b"users:(%b))" % b",".join(b'("%b",pid=%d,fd=%d)' % each for each in truth)
    head = b"tcp LISTEN 0 5 10.0.0.1:80 0.0.0.0:* "

    socket = read(head + column[:cut].ljust(limit) + later + b"\n")

    assert socket.users_truncated
    assert limit // 44 < len(socket.users) <= len(truth)
    assert {user.pid for user in socket.users} <= {pid for _, pid, _ in truth}
    assert socket.inode == (77 if later else 0)


@ends
@names
def test_a_list_cut_at_65535_bytes_is_truncated_and_its_rest_believed(name, later):
    """N19: the column ends in the midst of an entry."""
    holds_what_was_not_cut(name, later, limit=CUT, cut=CUT)


@ends
@names
def test_it_is_the_same_wherever_in_an_entry_the_cut_is(name, later, monkeypatch):
    """As if ss cut sooner: what is near the end is the same, and there is less to read."""
    monkeypatch.setattr("collector.users.CUT", 4095)

    for cut in range(4095, 4095 - 40, -1):
        holds_what_was_not_cut(name, later, limit=4095, cut=cut)


def test_a_text_that_was_cut_is_told_from_a_list_that_ss_cut():
    """N56: half a listing must not be taken for a whole one."""
    whole = text((b"a", 99, 5), (b"b", 98, 5))
    reading = ss.parse(NEXT + whole[: whole.index(b"fd=5),") + 3])

    assert reading.sockets[1].users_truncated
    assert reading.unreadable == 1


# Apart by "~", which no other piece needs.
PIECES = st.sampled_from(
    b'"~,~(~)~\n~ ~pid=1~fd=3~",pid=1,fd=3~),("~))~tcp~LISTEN~ino:1~sk:1~users:((~'
    b"\\~\xff~\x1b~\xd0\xb6~1~a".split(b"~")
)
NAMES = st.one_of(st.lists(PIECES, max_size=8).map(b"".join), st.binary(max_size=15)).map(
    lambda name: name.replace(b"\0", b"")[:15]
)
USERS = st.lists(
    st.tuples(NAMES, st.integers(2, 4_194_304), st.integers(0, 1_000_000)), min_size=1, max_size=4
)
ROWS = st.lists(st.tuples(USERS, st.sampled_from([TAIL, b"", b"      "])), min_size=1, max_size=4)


@given(ROWS)
@example([([(b'",pid=1,fd=3),(', 9, 5), (b"", 98, 5)], TAIL)])
@example([([(b"\n", 2, 0), (b',pid=1,fd=3),("', 3, 0)], b"")])
def test_whatever_the_names_every_socket_is_found_and_no_pid_is_invented(rows):
    """N18, N20, N21, N23, N24, N25: what is said is true; what is left out is said to be."""
    reading = ss.parse(b"".join(text(*users, tail=tail) for users, tail in rows))

    assert (len(reading.sockets), reading.skipped, reading.unreadable) == (len(rows), 0, 0)
    for socket, (users, tail) in zip(reading.sockets, rows, strict=True):
        truth = [User(ss.safe(name), pid, fd) for name, pid, fd in users]
        if socket.users_truncated:
            assert [user for user in truth if user in socket.users] == [*socket.users]
        else:
            assert [*socket.users] == truth
        assert socket.inode == (77 if tail == TAIL else 0)


@given(
    st.lists(st.tuples(NAMES, st.integers(10, 4_194_304), st.integers(0, 1_000_000)), min_size=1)
)
def test_with_pids_of_two_digits_every_list_is_read_in_full(users):
    socket = read(text(*users))

    assert not socket.users_truncated
    assert socket.users == tuple(User(ss.safe(name), pid, fd) for name, pid, fd in users)
