"""Builds of ss beyond the four fixtures, and the way it takes when netlink is refused."""

import re
from pathlib import Path

import pytest

from collector import ss
from collector.ss import User

FIXTURES = Path(__file__).parent.parent / "data" / "ss" / "nasty"
RAW, REPLACED, PROC = "6.15.0.lntupHe", "7.3.0.lntupHe", "6.1.0.lntupHe-proc"
ANY = "0.0.0.0"

# On port 23100 and up. Each is at most 15 bytes, as the kernel cuts them.
NAMES = (
    *(b"plain", b"next-server (v1", b'a "q" b)c(d', b"(sd-pam)", "жжж".encode(), b"x\ny"),
    *(b")lead", b"back\\sl", b"users:((", b"pid=1,fd=3", b"", b"  sp  ", b"\xff\xfe"),
    *(b"\x1b[31mred", b"ends\\", b"a)(b", b"tab\tx", b"cr\rx", b"\x01\x02\x7f", b"cgroup:/x"),
    *(b'users:(("x"', "💩💩".encode(), "\u202eexe.txt".encode(), b'",pid=1,f', b'",pid=1,fd=3),('),
    *(b'",pid=1,fd=3))', b'",pid=1,fd=3)) ', b'",pid=1,fd=3))\n', b',pid=1,fd=3),("'),
    *(b'("x",pid=1,fd=3', b"tcp LISTEN 0 5 ", b"\ntcp LISTEN 0 5", b"\nudp UNCONN 0 "),
    *(b"\ntcp ESTAB 0 0 ", b"\nnl ESTAB 0 0 x", b"\nNetid State R", b"\n\n\n", b"\n"),
    *(b" ino:1 sk:1 ", b" v6only:1 <->", b"\nino:1 sk:1 <->", b"\r\n", b" \n", b"\n ", b"\x0b\x0c"),
    *("\x85\u2028".encode(), b"\xd0", b"\xed\xa0\x80", b"))", b'"', b'""', b",", b'("', b'",(",'),
    *(b"\n`- ESTAB 0 0 ", b"%s%n%x", b"(deleted)", b"'\"`$;&|", b"*:80 *:*", b"\\n\\x00", b"0"),
)
# protocol, address, device, family, port, and the same through /proc
OTHERS = {
    ("udp", ANY, "", "v4", 23208): (ANY, "", "v4"),
    ("udp", "127.0.0.1", "", "v4", 23215): ("127.0.0.1", "", "v4"),
    ("udp", "::", "", "dual", 23209): ("::", "", "unknown"),
    ("udp", "::", "", "v6", 23211): ("::", "", "unknown"),
    ("udp", "::", "if3", "v6", 23213): ("::", "", "unknown"),
    ("tcp", "127.0.0.1", "lo", "v4", 23205): ("127.0.0.1", "", "v4"),
    ("tcp", "127.0.0.1", "", "v4", 23214): ("127.0.0.1", "", "v4"),
    ("tcp", ANY, "", "v4", 23210): (ANY, "", "v4"),
    ("tcp", ANY, 'a]b"c(@', "v4", 23212): (ANY, "", "v4"),
    ("tcp", ANY, "", "v4", 23206): (ANY, "", "v4"),
    ("tcp", ANY, "lo", "v4", 23204): (ANY, "", "v4"),
    ("tcp", "::ffff:127.0.0.1", "", "v4", 23203): ("::ffff:127.0.0.1", "", "v4"),
    ("tcp", "::1", "", "v6", 23202): ("::1", "", "v6"),
    ("tcp", "::", "", "v6", 23210): ("::", "", "unknown"),
    ("tcp", "::", "", "v6", 23201): ("::", "", "unknown"),
    ("tcp", "::", "", "dual", 23200): ("::", "", "unknown"),
    ("tcp", "::", "lo", "dual", 23207): ("::", "", "unknown"),
}


def reading(name):
    return ss.parse((FIXTURES / f"{name}.txt").read_bytes())


def shown(name, build):
    """Return what a build makes of a name: it ends at `)`, and is replaced from 7.0 on."""
    name = name.partition(b")")[0]
    if build == REPLACED:
        name = re.sub(rb"[^ -~]", lambda found: b"?" if found[0] >= b"\x80" else b".", name)
    return ss.safe(name)


@pytest.mark.parametrize("build", [RAW, REPLACED, PROC])
def test_no_name_hides_a_socket_or_forges_an_owner(build):
    """N20, N21, N22, N23, N24, N25, N26, N27, N28: sixty names, whole and alone on their port."""
    found = reading(build)

    named = {each.port: each.users for each in found.sockets if 23100 <= each.port < 23200}
    assert named == {
        port: (User(shown(name, build), port - 23055, 3),) for port, name in enumerate(NAMES, 23100)
    }
    assert (found.skipped, found.unreadable) == (0, 0)
    assert len(found.sockets) == len(NAMES) + len(OTHERS) + 2
    assert not any(each.users_truncated for each in found.sockets)


@pytest.mark.parametrize("build", [RAW, REPLACED, PROC])
def test_workers_are_listed_before_their_master_and_none_is_lost(build):
    """N17, N18: the newest process comes first."""
    [shared] = [each.users for each in reading(build).sockets if each.port == 23214]

    assert shared == (
        User('w",pid=1,fd=', 110, 3),
        User(shown(b"w\n(", build), 109, 3),
        User('",pid=1,fd=3', 108, 3),
        User("mas(ter", 107, 3),
    )


@pytest.mark.parametrize("build", [RAW, REPLACED])
def test_newer_builds_tell_address_device_and_family(build):
    """N2, N4, N5, N6, N8: also of an interface called `a]b"c(@`, and of one that has gone."""
    found = reading(build)

    others = {(*each[:3], each.family, each.port) for each in found.sockets if each.port >= 23200}
    assert others == set(OTHERS)
    assert all(each.identity == each.cookie != "" for each in found.sockets)
    assert all(each.inode for each in found.sockets)
    assert not found.through_proc


def test_what_ss_cannot_see_in_proc_is_unknown_and_said_to_be():
    """N57: neither v6only nor devices nor cookies; a kernel address is no cookie."""
    found = reading(PROC)

    others = sorted(
        (each.protocol, each.port, each.address, each.device, each.family)
        for each in found.sockets
        if each.port >= 23200
    )
    truth = [
        (protocol, port, *seen)
        for (protocol, _, _, _, port), seen in OTHERS.items()
        for _ in range(3 if port == 23206 else 1)
    ]
    assert others == sorted(truth)
    assert found.through_proc
    assert {each.cookie for each in found.sockets} == {""}
    assert {bool(each.inode) for each in found.sockets} == {True, False}
    for socket in found.sockets:
        assert socket.identity == (f"inode:{socket.inode}" if socket.inode else "")


@pytest.mark.parametrize(
    "text",
    [
        b"tcp LISTEN 0 5 *:80 *:*\nudp UNCONN 0 0 *:80 *:*\n",
        b"tcp LISTEN 0 0 0.0.0.0:80 0.0.0.0:*\n",
        b'tcp LISTEN 0 0 0.0.0.0:80 0.0.0.0:* users:((" ino:1 sk:1 ",pid=12,fd=3))\n',
        b"tcp LISTEN 0 0 *:80 *:* ino:7 sk:7 v6only:1 <->\n",
        b"tcp LISTEN 0 5 *:80 *:* ino:7 sk:00000007 \nudp UNCONN 0 0 *:80 *:* ino:8 sk:8\n",
    ],
    ids=["no details", "no limit", "a name", "nobody may wait", "before 3.8"],
)
def test_nobody_is_accused_of_reading_proc_without_evidence(text):
    """N57: not without -e, and not a build that knew no shutdown mark yet."""
    assert not ss.parse(text).through_proc


def test_udp_may_come_through_proc_by_itself():
    """N57: the module udp_diag is not loaded everywhere."""
    found = ss.parse(
        b"udp UNCONN 0 0 *:53 *:*\ntcp LISTEN 0 5 *:53 *:* ino:7 sk:7 cgroup:/ v6only:0 <->\n",
        version=(6, 1),
    )

    assert [each.family for each in found.sockets] == [ss.Family.UNKNOWN, ss.Family.DUAL]
    assert found.through_proc
