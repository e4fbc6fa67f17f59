"""What agents send: read back as it was seen, and refused by its place where it can't be."""

import gzip
import json
import math
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from collector import fields, wire
from collector.addresses import scope_of
from collector.agent.report import Report
from collector.fields import TooLargeError, WireError
from collector.look import Watch
from collector.news import News, SocketNews
from collector.sweep import (
    Ancestor,
    Endpoint,
    EventSource,
    Family,
    Listener,
    Owner,
    OwnersSeen,
    OwnerState,
    Protocol,
    Role,
    Scope,
    Sweep,
    Verdict,
)
from collector.text import safe
from tests.collector.sweeps import listener, sweep
from tests.conftest import NOON
from tests.tools import require

# How long an example takes is the machine's business, which may be busy.
usual = settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.too_slow])
START = datetime(1970, 1, 1, tzinfo=UTC)
NAMES = st.text(max_size=300).map(safe)
MICROSECOND = timedelta(microseconds=1)
TIMES = st.integers(0, 7_000_000_000_000_000).map(lambda after: START + after * MICROSECOND)
PIDS = st.integers(0, 2**31 - 1)
COUNTS = st.integers(0, 2**32 - 1)
ADDRESSES = st.sampled_from(["0.0.0.0", "::", "127.0.0.1", "fe80::1", "::ffff:10.0.0.5", "*", "x"])
DEVICES = st.sampled_from(["", "lo", "eth0.100"])


@st.composite
def endpoints(draw):
    address, device = draw(ADDRESSES), draw(DEVICES)
    return Endpoint(
        address=address,
        device=device,
        scope=scope_of(address, device),
        backlog=draw(COUNTS),
        limit=draw(COUNTS),
        cookie=draw(st.sampled_from(["", "1a2b"])),
        inode=draw(COUNTS),
        family=draw(st.sampled_from(Family)),
        pid=draw(st.none() | PIDS),
        process_name=draw(NAMES),
    )


OWNERS = st.builds(
    Owner,
    state=st.sampled_from(OwnerState),
    pids=st.lists(PIDS, max_size=3).map(tuple),
    process_name=NAMES,
    cmdline=NAMES,
    exe=NAMES,
    user=NAMES,
    exe_is_deleted=st.booleans(),
    started_at=st.none() | TIMES,
    role=st.sampled_from(Role),
    unit=NAMES,
    socket_unit=NAMES,
    container=NAMES,
    container_name=NAMES,
    image=NAMES,
    compose_service=NAMES,
    ancestors=st.lists(st.builds(Ancestor, PIDS, NAMES), max_size=3).map(tuple),
)
LISTENERS = st.builds(
    Listener,
    protocol=st.sampled_from(Protocol),
    port=st.integers(1, 65535),
    endpoints=st.lists(endpoints(), min_size=1, max_size=3).map(tuple),
    owner=OWNERS,
    is_client=st.booleans(),
    well_known=st.sampled_from(["", "http"]),
)
NEWS = st.builds(
    News,
    sockets=st.lists(
        st.builds(
            SocketNews,
            protocol=st.sampled_from(Protocol),
            port=st.integers(1, 65535),
            address=ADDRESSES,
            cookie=st.sampled_from(["", "1a2b"]),
            pid=st.none() | PIDS,
            process_name=NAMES,
            opened_at=st.none() | TIMES,
            closed_at=st.none() | TIMES,
        ),
        max_size=3,
    ).map(tuple),
    lost=COUNTS,
)
SWEEPS = st.builds(
    Sweep,
    host_id=st.sampled_from(["atlas", "a:1_b.c-d"]),
    taken_at=TIMES,
    verdict=st.sampled_from(Verdict),
    reason=NAMES,
    listeners=st.lists(LISTENERS, max_size=4, unique_by=lambda each: each.key).map(tuple),
    machine_id=st.sampled_from(["", "m1"]),
    boot_id=st.sampled_from(["", "b1"]),
    booted_at=st.none() | TIMES,
    uptime=st.floats(0, 1e9),
    source=st.sampled_from(wire.SOURCES),
    tool_version=st.sampled_from(["", "iproute2-6.1.0"]),
    owners_seen=st.sampled_from(OwnersSeen),
    owners_reason=NAMES,
    event_source=st.sampled_from(EventSource),
    event_source_reason=NAMES,
    news=NEWS,
    interval=st.floats(0, 3600),
    duration=st.integers(0, 10).map(float),
    skipped=st.integers(0, 1000),
)
JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text()
    | st.sampled_from(["tcp", "complete", "known", "0.0.0.0", NOON.isoformat(), 10**400]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


TOLD = News((SocketNews("tcp", 80, "0.0.0.0", "c80", 100, "nginx", NOON, None),))  # as ss prints it


def said(*listeners, **fields):
    return json.loads(json.dumps(sweep(*listeners).as_json())) | fields


@usual
@given(SWEEPS)
def test_what_was_seen_is_read_back(seen):
    read = wire.from_json(json.loads(json.dumps(seen.as_json())))

    assert read == seen
    assert read.digest == seen.digest


def test_a_look_at_this_machine_is_read_back():
    require("ss")
    seen = Watch().look("atlas", at=NOON, timeout=10, interval=15)

    read = wire.from_json(json.loads(json.dumps(seen.as_json())))

    assert read.digest == seen.digest
    assert read == replace(seen, duration=read.duration)


def test_what_is_not_known_is_left_aside():
    newer = said(listener(80), moon="full")
    newer["listeners"][0]["weight"] = {"of": ["what"]}
    newer["listeners"][0]["endpoints"][0]["colour"] = None

    assert wire.from_json(newer) == wire.from_json(said(listener(80)))


def test_what_an_older_agent_does_not_say_is_what_a_sweep_has_without_it():
    least = {
        "host_id": "atlas",
        "taken_at": NOON.isoformat(),
        "verdict": "complete",
        "listeners": [
            {
                "protocol": "tcp",
                "port": 80,
                "owner_state": "unknown",
                "endpoints": [{"address": "127.0.0.1"}],
            }
        ],
    }

    end = Endpoint("127.0.0.1", "", Scope.LOOPBACK, 0, 0, "", 0)
    owner = Owner(OwnerState.UNKNOWN)
    assert wire.from_json(least) == Sweep(
        "atlas", NOON, Verdict.COMPLETE, listeners=(Listener(Protocol.TCP, 80, (end,), owner),)
    )


def test_from_where_an_address_is_reached_is_told_by_the_address():
    liar = said(listener(80))
    liar["listeners"][0] |= {"scope": "loopback"}
    liar["listeners"][0]["endpoints"][0]["scope"] = "loopback"

    assert wire.from_json(liar).listeners[0].scope == Scope.ANY


def test_a_time_is_that_of_any_zone():
    told = wire.from_json(said(taken_at="2026-01-01T14:00:00+02:00"))

    assert told.taken_at == NOON
    assert told.taken_at.tzinfo is UTC


@pytest.mark.parametrize(
    ("name", "seen"),
    [
        ("a\x00b", "a\\x00b"),
        ("\ud800\x1b[31m", "\\ud800\\x1b[31m"),
        ("\u202etxt.exe\n", "\\u202etxt.exe\\n"),
        ("x" * 300, "x" * 254 + "…"),
    ],
)
def test_names_are_made_safe_as_those_of_this_machine(name, seen):
    wrong = said(listener(80))
    wrong["listeners"][0]["process_name"] = name

    assert wire.from_json(wrong).listeners[0].owner.process_name == seen


def at(path, value):
    """Return a sweep of one port in which one value is another, or left out if it is `...`."""
    whole = said(listener(80, name="nginx"), news=TOLD.as_json())
    *way, last = path.split("/")
    inner = whole
    for step in way:
        inner = inner[int(step) if step.isdigit() else step]
    if value is ...:
        del inner[last]
    else:
        inner[last] = value
    return whole


@pytest.mark.parametrize(
    ("path", "value"),
    [
        *[("host_id", value) for value in (..., None, "", "*", "a b", "x" * 65, "a\n", 7, [])],
        *[("taken_at", value) for value in (..., None, "", "soon", "2026-01-01T12:00:00", 0, {})],
        *[("taken_at", f"{year}-01-01T00:00:00+00:00") for year in ("0001", "1969", "2200")],
        ("taken_at", "0001-01-01T00:00:00+14:00"),
        ("taken_at", "9999-12-31T23:59:59-14:00"),
        ("booted_at", "1"),
        *[("verdict", value) for value in (..., "fine", None, ["complete"], {})],
        *[("source", value) for value in ("file", "", None, [])],
        ("machine_id", None),
        ("reason", 7),
        *[("interval", value) for value in (-1, True, "15", math.nan, math.inf, 10**400)],
        ("uptime", 1e308),
        ("skipped", -1),
        *[("event_source", value) for value in ("ears", None, ["ebpf"])],
        ("event_source_reason", None),
        *[("news", value) for value in (None, [], "none")],
        *[("news/lost", value) for value in (-1, True, None, 2**63)],
        *[("news/sockets", value) for value in (None, {}, [7])],
        *[("news/sockets/0/port", value) for value in (..., 0, 65536, "80")],
        *[("news/sockets/0/protocol", value) for value in (..., "sctp", None)],
        *[("news/sockets/0/opened_at", value) for value in ("soon", 0, "1969-01-01T00:00:00Z")],
        ("news/sockets/0/pid", 2**31),
        ("listeners", {}),
        ("listeners", None),
        ("listeners/0/protocol", "sctp"),
        *[("listeners/0/port", value) for value in (..., 0, 65536, -1, True, 80.0, "80", 10**400)],
        ("listeners/0/owner_state", ...),
        ("listeners/0/role", "king"),
        ("listeners/0/pids", [1, -1]),
        ("listeners/0/pids", [2**31]),
        ("listeners/0/exe_is_deleted", 1),
        ("listeners/0/process_started_at", "2026"),
        ("listeners/0/cmdline", ["nginx"]),
        ("listeners/0/is_client", None),
        ("listeners/0/ancestors", [{"pid": 1}]),
        ("listeners/0/endpoints", []),
        ("listeners/0/endpoints/0/address", None),
        ("listeners/0/endpoints/0/inode", 2**63),
        ("listeners/0/endpoints/0/family", "v5"),
    ],
)
def test_what_cannot_be_is_refused_by_its_place(path, value):
    with pytest.raises(WireError) as caught:
        wire.from_json(at(path, value))

    assert "/".join(map(str, caught.value.path)).startswith(path)
    assert str(caught.value).startswith(f"{path}")


def test_a_port_that_is_told_twice_is_refused():
    with pytest.raises(WireError, match=r"listeners/2: tcp 80 is told twice\.") as caught:
        wire.from_json(said(listener(80), listener(80, protocol="udp"), listener(80)))

    assert caught.value.rule == "twice"


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("reason", "x" * (fields.LONGEST + 1)),
        ("listeners/0/pids", [1] * (wire.MOST_OF_ONE + 1)),
        ("listeners/0/ancestors", [{"pid": 1, "name": ""}] * (wire.MOST_ANCESTORS + 1)),
        ("listeners/0/endpoints", [{"address": ""}] * (wire.MOST_OF_ONE + 1)),
        ("listeners", [{}] * (wire.MOST_LISTENERS + 1)),
        ("news/sockets", [{}] * (wire.MOST_NEWS + 1)),
    ],
)
def test_more_than_a_machine_has_is_too_large(path, value):
    with pytest.raises(TooLargeError, match=path):
        wire.from_json(at(path, value))


def test_endpoints_are_counted_over_all_ports(monkeypatch):
    monkeypatch.setattr(wire, "MOST_ENDPOINTS", 1)

    with pytest.raises(TooLargeError, match="endpoints"):
        wire.from_json(said(listener(80), listener(81)))


@usual
@given(JSON)
def test_whatever_is_said_is_read_or_refused(anything):
    with suppress(WireError):
        wire.message(anything)


@usual
@given(JSON, st.sampled_from(["host_id", "taken_at", "uptime", "news", "listeners"]))
def test_whatever_stands_in_a_head_is_read_or_refused(anything, name):
    with suppress(WireError):
        wire.message(said(listener(80)) | {name: anything})


@usual
@given(JSON, st.sampled_from([*wire.OWNER, *wire.LISTENER]))
def test_whatever_stands_in_a_listener_is_read_or_refused(anything, name):
    with suppress(WireError):
        assert len(wire.message(at(f"listeners/0/{name}", anything)).sweep.digest) == 32


@usual
@given(JSON, st.sampled_from([*wire.SOCKET]))
def test_whatever_stands_in_a_socket_is_read_or_refused(anything, name):
    with suppress(WireError):
        wire.message(at(f"news/sockets/0/{name}", anything))


def test_news_travel_with_a_digest():
    seen = sweep(listener(80), news=TOLD, event_source=EventSource.EBPF)

    told = wire.message(json.loads(Report.of(seen).brief("0" * 32).data)).sweep

    assert (told.news, told.event_source) == (TOLD, EventSource.EBPF)


def test_a_digest_stands_in_place_of_listeners():
    head = said() | {"digest": "0" * 32}
    del head["listeners"]

    assert wire.message(head) == (sweep(), "0" * 32, False, None)


@pytest.mark.parametrize(
    ("changed", "path"),
    [
        ({"digest": "0" * 31}, "digest"),
        ({"digest": "G" * 32}, "digest"),
        ({"digest": None}, "digest"),
        ({"verdict": "partial", "digest": "0" * 32}, "verdict"),
        ({}, "digest"),
    ],
)
def test_a_digest_is_what_the_hub_answers_and_of_a_complete_look(changed, path):
    head = said() | changed
    del head["listeners"]

    with pytest.raises(WireError, match=path):
        wire.message(head)


@pytest.mark.parametrize("rest", [{"listeners": []}, {"digest": "0" * 32}])
@pytest.mark.parametrize(
    ("told", "sent_at"),
    [({}, None), ({"sent_at": None}, None), ({"sent_at": "2026-01-01T13:00:00+01:00"}, NOON)],
)
def test_when_it_was_sent_may_be_told(told, sent_at, rest):
    head = said() | told
    del head["listeners"]

    assert wire.message(head | rest).sent_at == sent_at


@pytest.mark.parametrize("confirmed", [True, False])
def test_a_second_look_may_have_agreed(confirmed):
    assert wire.message(said(confirmed=confirmed)).is_confirmed == confirmed


@pytest.mark.parametrize("body", [b"", b"{}", b"\x1f\x8b", gzip.compress(b"{}", mtime=0)[:-1]])
def test_what_is_no_gzip_is_refused(body):
    with pytest.raises(WireError):
        wire.unpacked(body)


def test_what_follows_what_is_compressed_is_refused():
    """A second part could be a second sweep, or another bomb."""
    with pytest.raises(WireError, match="follows"):
        wire.unpacked(gzip.compress(b"{}") * 2)


def test_a_bomb_is_not_unpacked():
    bomb = gzip.compress(bytes(wire.MOST_UNPACKED + 1))

    with pytest.raises(TooLargeError):
        wire.unpacked(bomb)

    assert wire.unpacked(gzip.compress(bytes(1000))) == bytes(1000)


def test_ten_thousand_ports_that_a_container_publishes_fit_in_a_body():
    command = "/usr/bin/docker-proxy -proto tcp -host-ip 0.0.0.0 -host-port 20000 -container-ip "
    proxy = replace(
        listener(20_000, pid=1_000_000, name="docker-proxy").owner,
        cmdline=f"{command}172.17.0.2 -container-port 20000 -use-listen-fd",
        container="0123456789abcdef" * 4,
        ancestors=(Ancestor(900, "dockerd"), Ancestor(1, "systemd")),
    )
    one = listener(20_000)
    many = sweep(replace(one, owner=proxy, endpoints=one.endpoints * 2)).as_json()

    many["listeners"] *= 10_000

    body = gzip.compress(json.dumps(many, separators=(",", ":")).encode())
    assert len(body) < wire.MOST_BYTES
    assert len(json.loads(wire.unpacked(body))["listeners"]) == 10_000


def test_times_differ_by_their_zones_alone():
    """A digest is that of the moment, however it was written."""
    zone = timezone(timedelta(hours=-5))
    some = listener(80)
    started = replace(some, owner=replace(some.owner, started_at=NOON))
    elsewhere = said(started)
    elsewhere["listeners"][0]["process_started_at"] = NOON.astimezone(zone).isoformat()

    assert wire.from_json(elsewhere).digest == sweep(started).digest
