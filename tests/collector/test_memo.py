"""The memo of the last text spares work, and never changes what is read."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector import ss

FIXTURES = Path(__file__).parent.parent / "data" / "ss"
DETAILED = (FIXTURES / "nasty" / "6.15.0.lntupHe.txt").read_bytes()
ROW = b'tcp LISTEN 0 5 127.0.0.1:%d 0.0.0.0:* users:(("a",pid=12,fd=3)) ino:%d sk:%x <->\n'


def outcome(text, **options):
    try:
        return ss.parse(text, **options)
    except ss.ParseError as error:
        return str(error)


def test_rows_that_stood_there_before_give_the_very_same_sockets():
    """Also those of several lines, with unknown tokens, and with a cut list of users."""
    memo = ss.Memo()
    odd = b"tcp LISTEN 0 5 127.0.0.1:9 0.0.0.0:* ino:9 sk:9 fwmark:0x1 cgroup:/a b <->\n"
    text = DETAILED + odd + b"udp UNCONN 0 0 127.0.0.1:8 0.0.0.0:* users:((" + b"x" * 65_530 + b"\n"

    before = ss.parse(text, memo=memo).sockets
    after = ss.parse(ROW % (7, 7, 7) + text, memo=memo).sockets

    assert len(before) > 80
    assert [*map(id, before)] == [*map(id, after[1:])]
    assert after == ss.parse(ROW % (7, 7, 7) + text).sockets


def test_the_same_text_is_the_same_reading():
    memo = ss.Memo()

    assert ss.parse(DETAILED, memo=memo) is ss.parse(DETAILED, memo=memo)
    assert ss.parse(DETAILED, memo=memo) == ss.parse(DETAILED)


def test_a_memo_holds_the_rows_of_one_text_and_no_more():
    memo = ss.Memo()

    for number in range(1, 50):
        ss.parse(ROW % (number, number, number) + ROW % (99, 99, 99), memo=memo)

    assert [*memo.rows] == [(ROW % (number, number, number))[:-1] for number in (49, 99)]


@pytest.mark.parametrize("text", [b"no ss at all\n", b""])
def test_a_text_that_is_none_does_no_harm_to_the_memo(text):
    memo = ss.Memo()
    ss.parse(DETAILED, memo=memo)

    assert outcome(text, memo=memo) == outcome(text)
    assert ss.parse(DETAILED, memo=memo) == ss.parse(DETAILED)


# What a row means depends on the text it stands in: the build, -e, and the line that follows.
LINES = st.sampled_from(
    [
        b"tcp LISTEN 0 5 *:80 *:*",
        b"tcp LISTEN 0 5 *:81 *:* ino:1 sk:1 v6only:1 <->",
        b"tcp LISTEN 0 0 *:82 *:* ino:2 sk:2",
        b"udp UNCONN 0 0 *:53 *:*",
        b"tcp LISTEN 0 5 :::83 :::*",
        b"tcp LISTEN 0 5 [::1]:84 [::]:*",
        b"tcp LISTEN 0 5 10.0.0.1:85 *:*",
        b'tcp LISTEN 0 5 *:86 *:* users:(("a",pid=12,fd=3))',
        b'tcp LISTEN 0 5 *:87 *:* users:(("",pid=1,fd=3))',
        b'tcp LISTEN 0 5 *:88 *:* users:(("x',
        b'",pid=99,fd=5)) ino:3 sk:3 <->',
        b'y",pid=99,fd=5))',
        b'tcp LISTEN 0 5 *:89 *:* users:((" ino:1 ",pid=12,fd=3))',
        b"tcp LISTEN 0 5 *:0 *:*",
        b"tcp LISTEN 0 5 *:http *:*",
        b"nl UNCONN 0 0 rtnl:kernel *",
        b"sctp LISTEN 0 5 0.0.0.0:82 0.0.0.0:*",
        b"      `- ESTAB 0 0 10.0.0.1:82 10.0.0.2:5",
        b"Netid State Recv-Q Send-Q Local Address:Port Peer Address:Port",
        b"Netid State Recv-Q Send-Q Local Address:Port Peer Address:Port Process",
        b"\t cubic cwnd:10",
        b"nonsense",
        b"",
    ]
)
TEXTS = st.one_of(
    st.lists(LINES, max_size=12).map(b"\n".join),
    st.sampled_from([each.read_bytes() for each in sorted(FIXTURES.rglob("*.txt"))]),
)
VERSIONS = st.sampled_from([None, (4, 13), (6, 1)])


@given(st.lists(st.tuples(TEXTS, VERSIONS), min_size=2, max_size=6))
def test_a_memo_never_changes_what_is_read(looks):
    """N2, N24, N57: whatever was read before, by whichever build."""
    memo = ss.Memo()

    for text, version in looks:
        assert outcome(text, version=version, memo=memo) == outcome(text, version=version)
