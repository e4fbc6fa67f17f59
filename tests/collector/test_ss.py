"""The parser against real output of four builds, and against text nobody has seen yet."""

import re
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector import ss
from collector.ss import Family, User
from collector.sweep import Protocol, Scope

ANY = "0.0.0.0"
FIXTURES = Path(__file__).parent.parent / "data" / "ss"
OUTPUTS = sorted(each.name for each in FIXTURES.glob("*.txt") if each.stat().st_size)
BUILDS = {
    "debian12-6.1.0": (6, 1, 0),
    "v4.9.0": (4, 9, 0),
    "v5.10.0": (5, 10, 0),
    "v6.11.0": (6, 11, 0),
}

# The truth of tests/data/ss/README.md: port: (pid, name as ss can show it). `)` ends a name.
NAMED = {
    23100: (13459, "plain"),
    23101: (13460, "next-server (v1"),
    23102: (13461, 'a "q" b'),
    23103: (13462, "(sd-pam"),
    23104: (13463, "жжж"),
    23105: (13464, "x\\ny"),
    23106: (13465, ""),
    23107: (13466, "back\\sl"),
    23108: (13467, "users:(("),
    23109: (13468, "pid=1,fd=3"),
    23110: (13469, ""),
    23111: (13470, "  sp  "),
    23112: (13471, "\\xff\\xfe"),
    23113: (13472, "\\x1b[31mred"),
}
# (protocol, address, device, family, port, limit, users), in the order of the files.
TEST_PID = 13418
TRUTH = {
    ("udp", ANY, "", "v4", 23208, 0, (("python3", TEST_PID, 16),)),
    ("udp", ANY, "", "v4", 34788, 0, (("python3", TEST_PID, 18),)),
    ("udp", "::", "", "dual", 23209, 0, (("python3", TEST_PID, 17),)),
    ("tcp", ANY, "", "v4", 23210, 5, (("python3", TEST_PID, 14),)),
    ("tcp", ANY, "", "v4", 23206, 5, (("python3", TEST_PID, 13),)),
    ("tcp", ANY, "", "v4", 23206, 5, (("python3", TEST_PID, 12),)),
    ("tcp", ANY, "", "v4", 23206, 5, (("python3", TEST_PID, 11),)),
    ("tcp", ANY, "lo", "v4", 23204, 5, (("python3", TEST_PID, 7),)),
    ("tcp", ANY, "", "v4", 2024, 128, ()),
    *(
        ("tcp", "127.0.0.1", "", "v4", port, 1, ((name, pid, 5),))
        for port, (pid, name) in NAMED.items()
    ),
    ("tcp", "127.0.0.1", "lo", "v4", 23205, 5, (("python3", TEST_PID, 8),)),
    ("tcp", "127.0.0.1", "", "v4", 42100, 128, (("python", 32185, 3),)),
    ("tcp", "127.0.0.1", "", "v4", 42023, 128, (("sshd", 2588, 4),)),
    ("tcp", "127.0.0.1", "", "v4", 42022, 128, (("sshd", 30115, 4),)),
    ("tcp", "::", "", "v6", 23210, 5, (("python3", TEST_PID, 15),)),
    ("tcp", "::", "", "dual", 23200, 5, (("python3", TEST_PID, 3),)),
    ("tcp", "::", "", "v6", 23201, 5, (("python3", TEST_PID, 4),)),
    ("tcp", "::", "lo", "dual", 23207, 5, (("python3", TEST_PID, 9),)),
    ("tcp", "::ffff:127.0.0.1", "", "v4", 23203, 5, (("python3", TEST_PID, 6),)),
    ("tcp", "::1", "", "v6", 23202, 5, (("python3", TEST_PID, 5),)),
}


def row(users="", *, local=b"127.0.0.1:80", peer=b"0.0.0.0:*", tail=b""):
    users = users.encode() if isinstance(users, str) else users
    return b"tcp LISTEN 0 5 %b %b %b%b\n" % (local, peer, users, tail)


def one(text, **options):
    reading = ss.parse(text, **options)
    assert (len(reading.sockets), reading.unreadable) == (1, 0)
    return reading.sockets[0]


@pytest.mark.parametrize("versioned", [True, False])
@pytest.mark.parametrize("name", OUTPUTS)
def test_every_fixture_parses_to_its_truth(name, versioned):
    """
    The header of N1, addresses (N2, N3, N4, N5, N8, N41), columns (N10, N12, N13), names (N20, N21,
    N22, N23, N24, N25, N27), and who is not seen (N29, N35); three sockets of one port (N40).
    """
    build, flags = re.fullmatch(r"(.+?\.\d+\.0)\.(.+)\.txt", name).groups()
    old_without_details = build == "v4.9.0" and flags != "lntupHe"
    truth = sorted(
        (
            *(socket[:3]),
            # Before 4.14 `:::80` was dual or not, and only -e told which.
            "unknown" if old_without_details and socket[1] == "::" else socket[3],
            *socket[4:6],
            () if flags.endswith("unpriv") else socket[6],
        )
        for socket in TRUTH
    )

    reading = ss.parse((FIXTURES / name).read_bytes(), version=BUILDS[build] if versioned else None)

    assert truth == sorted(
        (
            each.protocol,
            each.address,
            each.device,
            each.family,
            each.port,
            each.limit,
            tuple((user.name, user.pid, user.fd) for user in each.users),
        )
        for each in reading.sockets
    )
    assert (reading.skipped, reading.unreadable, reading.sample) == (0, 0, "")
    assert reading.with_users is not flags.endswith("unpriv")
    assert not any(each.users_truncated for each in reading.sockets)


@pytest.mark.parametrize("build", BUILDS)
def test_details_are_read_on_every_build(build):
    """N4, N16: inode and cookie on each row, the cgroup where the build knows it."""
    sockets = ss.parse((FIXTURES / f"{build}.lntupHe.txt").read_bytes()).sockets

    by_port = {each.port: (each.inode, each.cookie, each.uid) for each in sockets}
    assert by_port[23105] == (1050606, "357eb", 0)
    assert by_port[2024] == (1681, "1", 0)
    assert len({each.cookie for each in sockets}) == len({each.inode for each in sockets}) == 33
    assert {each.cgroup for each in sockets} == {"" if build == "v4.9.0" else "/"}


def test_scopes_of_the_fixture():
    """N5, N8, N9: a wildcard on `lo` is loopback, so is a mapped 127/8."""
    sockets = ss.parse((FIXTURES / "v6.11.0.lntupH.txt").read_bytes()).sockets

    anywhere = {each.port for each in sockets if each.scope is Scope.ANY}
    assert anywhere == {23208, 34788, 23209, 23210, 23206, 2024, 23200, 23201}
    assert {each.scope for each in sockets if each.port not in anywhere} == {Scope.LOOPBACK}


@pytest.mark.parametrize("text", [b"", b"\n", b"  \n\n"])
def test_nothing_is_an_empty_reading(text):
    """N56: whether emptiness may be believed is for others to say."""
    assert ss.parse(text) == ss.Reading()


def test_a_header_alone_is_an_empty_reading():
    header = (FIXTURES / "v4.9.0.lntup.txt").read_bytes().split(b"\n")[0]

    assert ss.parse(header) == ss.Reading()


@pytest.mark.parametrize(
    "text",
    [
        b"Usage: ss [ OPTIONS ]\n       ss [ OPTIONS ] [ FILTER ]\n",
        b"<!DOCTYPE html><html><body>tcp LISTEN</body></html>",
        b"\x7fELF\x02\x01\x01\x00\x1b[2J",
        b"State  Recv-Q Send-Q Local Address:Port\nLISTEN 0 5 *:80 *:*\n",
    ],
)
def test_what_is_no_output_of_ss_is_refused_with_what_was_seen(text):
    """N11: nor is a listing without the columns that tell TCP from UDP."""
    with pytest.raises(ss.ParseError) as refusal:
        ss.parse(text)

    assert ss.safe(text.split(b"\n")[0])[:40] in str(refusal.value)
    assert str(refusal.value).isprintable()


def test_other_tables_and_states_are_skipped_and_counted():
    """N14, N38, N39, N44."""
    text = b"""\
nl    UNCONN 0 0 rtnl:kernel *
u_str LISTEN 0 4096 /run/x.sock 123 * 0
???   UNCONN 0 0 *:58 *:*
mptcp LISTEN 0 5 0.0.0.0:81 0.0.0.0:*
sctp  LISTEN 0 5 0.0.0.0:82 0.0.0.0:*
      `- ESTAB 0 0 10.0.0.1:82 10.0.0.2:5
udp   ESTAB 0 0 10.0.0.1:53 10.0.0.2:5
tcp   BOUND-INACTIVE 0 0 0.0.0.0:83 0.0.0.0:*
tcp   LISTEN 0 5 0.0.0.0:0 0.0.0.0:*
udp   UNCONN 0 0 0.0.0.0:* 0.0.0.0:*
tcp   LISTEN 0 5 0.0.0.0:84 0.0.0.0:*
"""

    reading = ss.parse(text)

    assert [each.port for each in reading.sockets] == [84]
    assert (reading.skipped, reading.unreadable) == (10, 0)


@pytest.mark.parametrize(
    "line",
    [
        b"tcp LISTEN 0 5 0.0.0.0:http 0.0.0.0:*",
        b"tcp LISTEN 0 5 0.0.0.0:65536 0.0.0.0:*",
        b"tcp LISTEN 0 5 0.0.0.0 0.0.0.0:*",
        b"tcp LISTEN x 5 0.0.0.0:80 0.0.0.0:*",
        b"tcp LISTEN 0 5 0.0.0.0:8",
        b"ss: something went \x1b[31mwrong",
    ],
)
def test_a_line_that_should_be_a_row_is_counted_and_shown(line):
    reading = ss.parse(row('users:(("a",pid=12,fd=3))') + line + b"\n" + row(local=b"127.0.0.1:81"))

    assert [each.port for each in reading.sockets] == [80, 81]
    assert reading.unreadable == 1
    assert reading.sample == ss.safe(line)


def test_details_on_lines_of_their_own_are_no_rows():
    """N15: -i, -m and -o write them; we don't ask, others may have."""
    text = row('users:(("a",pid=12,fd=3))') + b"\t cubic cwnd:10\n" + row(local=b"[::1]:81")

    assert [each.port for each in ss.parse(text).sockets] == [80, 81]
    assert ss.parse(text).unreadable == 0


def test_tokens_are_read_by_name_in_any_order_and_unknown_ones_ignored():
    """N16."""
    socket = one(row(tail=b"tos:0x1 sk:1f new:(a,b) ino:3000000000 uid:1000 fwmark:0x1 <->  "))

    assert (socket.inode, socket.cookie, socket.uid) == (3_000_000_000, "1f", 1000)


@pytest.mark.parametrize(
    ("local", "peer", "tail", "version", "expected"),
    [
        (b"*:80", b"*:*", b"", None, ("*", Family.UNKNOWN)),
        (b"*:80", b"*:*", b"", (4, 13), (ANY, Family.V4)),
        (b"*:80", b"*:*", b"", (4, 14), ("::", Family.DUAL)),
        (b"*:80", b"*:*", b"ino:1 sk:2 v6only:0 <->", None, ("::", Family.DUAL)),
        (b":::80", b":::*", b"", None, ("::", Family.UNKNOWN)),
        (b":::80", b":::*", b"ino:1 sk:2 v6only:1 <->", None, ("::", Family.V6)),
        (b"[::]:80", b"[::]:*", b"", None, ("::", Family.V6)),
        (b"[fe80::1]%eth0:80", b"[::]:*", b"", None, ("fe80::1", Family.V6)),
        (b"[::ffff:10.0.0.5]:80", b"*:*", b"", None, ("::ffff:10.0.0.5", Family.V4)),
        (b"localhost:80", b"*:*", b"", None, ("localhost", Family.UNKNOWN)),
    ],
)
def test_an_address_means_what_its_build_means_by_it(local, peer, tail, version, expected):
    """N2, N3, N4, N7, N8."""
    socket = one(row(local=local, peer=peer, tail=tail), version=version)

    assert (socket.address, socket.family) == expected


@pytest.mark.parametrize(
    ("neighbour", "expected"),
    [
        (row(local=b"[::1]:81", peer=b"[::]:*"), "::"),
        (row(local=b"10.0.0.1:81"), "::"),
        (row(local=b":::81", peer=b":::*"), ANY),
        (row(local=b"10.0.0.1:81", peer=b"*:*"), ANY),
    ],
)
def test_other_rows_tell_what_a_star_means(neighbour, expected):
    """N2: and they know better than a version that may be of yesterday."""
    sockets = ss.parse(row(local=b"*:80", peer=b"*:*") + neighbour, version=None).sockets

    assert sockets[0].address == expected


@pytest.mark.parametrize("local", [b"0.0.0.0%if7:80", b"[fe80::1%if7]:80", b"[fe80::1]%if7:80"])
def test_an_interface_that_vanished_keeps_its_number(local):
    """N5, N6."""
    assert one(row(local=local)).device == "if7"


def test_the_queue_of_udp_has_no_limit():
    socket = one(b"udp UNCONN 213 7 0.0.0.0:53 0.0.0.0:*\n")

    assert (socket.backlog, socket.limit) == (213, 0)


def test_users_of_other_builds_are_read():
    """N16: with threads, with security contexts, and from before pid= and fd=."""
    users = 'users:(("a",pid=12,tid=13,fd=3),("b",pid=14,proc_ctx=u:r:s0,fd=4))'

    assert one(row(users)).users == (User("a", 12, 3), User("b", 14, 4))
    assert one(row('users:(("sshd",1234,3),("x",1,4))')).users == (
        User("sshd", 1234, 3),
        User("x", 1, 4),
    )


@pytest.mark.parametrize(
    ("text", "version"),
    [
        (b"ss utility, iproute2-6.1.0\n", (6, 1, 0)),
        (b"ss utility, iproute2-5.10.0, libbpf 0.4\n", (5, 10, 0)),
        (b"ss utility, iproute2-v6.11.0-5-gabc", (6, 11, 0)),
        (b"ss utility, iproute2-ss200127", (5, 5)),
        (b"ss utility, iproute2-ss170905", (4, 11)),
        (b"ss utility, iproute2-ss171113", (4, 14)),
        (b"ss utility, iproute2-ss091226", (2, 6)),
        (b"BusyBox v1.36", None),
        (b"\xff\x00", None),
    ],
)
def test_the_version_is_read_from_numbers_and_from_snapshots(text, version):
    assert ss.parse_version(text) == version


@given(st.binary(max_size=400))
def test_arbitrary_bytes_raise_nothing_but_parse_error(noise):
    for text in (noise, row() + noise, row(b"users:((" + noise), row(tail=noise)):
        with suppress(ss.ParseError):
            assert ss.parse(text).sample.isprintable()


# Apart by "~", which no other fragment needs.
FRAGMENTS = st.sampled_from(
    b'tcp~udp~LISTEN~UNCONN~ ~0~*:80~:~[::1]:1~%~\n~users:(("~",pid=1,fd=3)~,("~)~ ino:1~ sk:ff~'
    b" cgroup:/~ v6only:1~\xff~99999999999999999999999".split(b"~")
)


@given(st.lists(FRAGMENTS, max_size=40).map(b"".join))
def test_fragments_of_the_truth_raise_nothing_but_parse_error(text):
    for whole in (text, row() + text):
        with suppress(ss.ParseError):
            assert ss.parse(whole).sample.isprintable()


def test_both_protocols_are_known():
    assert {
        each.protocol for each in ss.parse(row() + b"udp UNCONN 0 0 [::]:9 [::]:*").sockets
    } == set(Protocol)
