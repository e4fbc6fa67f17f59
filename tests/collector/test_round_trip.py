"""Any listeners, written as any build of ss would, are read back as themselves."""

from hypothesis import given
from hypothesis import strategies as st

from collector import ss
from collector.ss import Family, Socket, User
from collector.sweep import Protocol
from tests.collector.test_users import NAMES

OLD, NEW = (4, 13), (6, 1)
HEADERS = {
    OLD: b"Netid  State      Recv-Q Send-Q Local Address:Port               Peer Address:Port",
    NEW: b"Netid State  Recv-Q Send-Q Local Address:Port Peer Address:Port Process",
}
# A row whose peer tells the build, where no version does (N2).
TELLING = {
    OLD: b"tcp LISTEN 0 5 10.9.9.9:9 *:*",
    NEW: b"tcp LISTEN 0 5 10.9.9.9:9 0.0.0.0:*",
}
PLACES = st.sampled_from(
    [
        ("0.0.0.0", Family.V4),
        ("127.0.0.53", Family.V4),
        ("::ffff:10.0.0.5", Family.V4),
        ("::", Family.V6),
        ("::", Family.DUAL),
        ("::1", Family.V6),
        ("fe80::1", Family.V6),
    ]
)
DEVICES = st.sampled_from(["", "", "lo", "eth0.100", "if7", "a]b", 'x"y', '",pid=1', "a%b", "@("])
CGROUPS = st.sampled_from(["", "/", "/system.slice/a.service", "/a b c", "/x:y/ж", "/…"])
USERS = st.lists(
    st.tuples(NAMES, st.integers(10, 4_194_304), st.integers(0, 1_000_000)), max_size=4
)
QUEUES = st.integers(0, 2**32 - 1)


@st.composite
def listeners(draw):
    """Draw a socket as -e shows it, and its users with their names in bytes."""
    protocol = draw(st.sampled_from(Protocol))
    address, family = draw(PLACES)
    users = draw(USERS)
    socket = Socket(
        protocol=protocol,
        address=address,
        device=draw(DEVICES),
        family=family,
        port=draw(st.integers(1, 65535)),
        backlog=draw(QUEUES),
        limit=draw(st.integers(1, 65535)) if protocol is Protocol.TCP else 0,
        users=tuple(User(ss.safe(name), pid, fd) for name, pid, fd in users),
        users_truncated=False,
        inode=draw(st.integers(1, 2**32)),
        cookie=f"{draw(st.integers(1, 2**64 - 1)):x}",
        uid=draw(st.sampled_from([0, 1000, 4_294_967_294])),
        cgroup=draw(CGROUPS),
    )
    return socket, users


def column(users):
    entries = b",".join(b'("%b",pid=%d,fd=%d)' % user for user in users)
    return b" users:(%b)" % entries if users else b""


def details(socket, build):
    is_v6 = ":" in socket.address
    return (
        *([f"uid:{socket.uid}"] if socket.uid else []),
        f"ino:{socket.inode} sk:{socket.cookie}",
        *([f"cgroup:{socket.cgroup}"] if socket.cgroup and build is NEW else []),
        *([f"v6only:{int(socket.family is Family.V6)}"] if is_v6 else []),
        "<->",
    )


def ends(socket, build):
    """Return the local address and the peer's, as a build writes them."""
    address, peer = socket.address, "0.0.0.0" if build is NEW else "*"
    if ":" in address:
        dual = socket.family is not Family.V6
        peer = "::" if build is OLD else "*" if dual else "[::]"
        if build is NEW:
            address = "*" if dual and address == "::" else f"[{address}]"
    elif build is OLD and address == "0.0.0.0":
        address = "*"
    device = socket.device and f"%{socket.device}"
    return f"{address}{device}:{socket.port}", f"{peer}:*"


def row(socket, users, build, *, detailed, gap):
    state = "LISTEN" if socket.protocol is Protocol.TCP else "UNCONN"
    columns = (socket.protocol, state, str(socket.backlog), str(socket.limit), *ends(socket, build))
    more = " " + " ".join(details(socket, build)) if detailed else ""
    return gap.join(columns).encode() + column(users) + more.encode() + gap.encode()


def seen(socket, build, *, detailed):
    """Return what can be known of a socket from its row."""
    if build is OLD:
        socket = socket._replace(cgroup="")
    if detailed:
        return socket
    family = Family.UNKNOWN if build is OLD and socket.address == "::" else socket.family
    return socket._replace(family=family, inode=0, cookie="", uid=None, cgroup="")


@given(
    st.lists(listeners(), min_size=1, max_size=6),
    st.sampled_from([OLD, NEW]),
    st.booleans(),
    st.booleans(),
    st.booleans(),
    st.sampled_from([" ", "      ", "\t"]),
)
def test_listeners_of_any_build_are_read_back(drawn, build, detailed, headed, versioned, gap):
    """
    Whatever the build, its flags, its columns and the names: N1, N2, N3, N4, N5, N8, N10, N12,
    N17, N18, N20, N21, N23, N24, N25.
    """
    rows = [row(*each, build, detailed=detailed, gap=gap) for each in drawn]
    text = b"\n".join([*([HEADERS[build]] if headed else []), *rows, TELLING[build], b""])

    reading = ss.parse(text, version=build if versioned else None)

    assert [*reading.sockets[:-1]] == [seen(each, build, detailed=detailed) for each, _ in drawn]
    assert reading.sockets[-1].port == 9
    assert (reading.skipped, reading.unreadable, reading.through_proc) == (0, 0, False)
