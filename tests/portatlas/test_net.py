"""What became of one port between two moments, told from its events alone."""

from datetime import timedelta

import pytest

from collector.models import PortEvent
from portatlas.board.net import Kind, Net
from tests.conftest import NOON

TO_CADDY = {"process_name": ["nginx", "caddy"], "program": ["/bin/nginx", "/bin/caddy"]}
TO_NGINX = {"process_name": ["caddy", "nginx"], "program": ["/bin/caddy", "/bin/nginx"]}
RESTART = {"current_pid": [7, 8]}
WIDER = {"scope": ["loopback", "any"], "addresses": ["127.0.0.1", "0.0.0.0"]}


def net(*steps):
    """Sum up events a minute apart: types, each alone or with what changed, or with its cause."""
    events = []
    for minute, step in enumerate(steps):
        event_type, fields = (step, {}) if isinstance(step, str) else step
        fields = fields if "cause" in fields else {"changes": fields}
        moment = NOON + timedelta(minutes=minute)
        events.append(PortEvent(event_type=event_type, timestamp=moment, **fields))
    return Net.of(events)


FIRST = ("appeared", {"cause": "first_sweep"})


@pytest.mark.parametrize(
    ("steps", "kind"),
    [
        (["appeared"], Kind.APPEARED),
        (["appeared", ("rebound", TO_CADDY)], Kind.APPEARED),
        (["appeared", "disappeared", "appeared"], Kind.APPEARED),
        (["disappeared"], Kind.VANISHED),
        ([("rebound", TO_CADDY), "disappeared"], Kind.VANISHED),
        (["disappeared", "appeared", "disappeared"], Kind.VANISHED),
        ([("rebound", TO_CADDY)], Kind.OWNER),
        (["disappeared", ("appeared", TO_CADDY)], Kind.OWNER),
        ([("rebound", WIDER)], Kind.REACH),
        ([("rebound", RESTART)], Kind.RESTARTED),
        (["disappeared", "appeared"], Kind.RESTARTED),
        ([("rebound", TO_CADDY), ("rebound", TO_NGINX)], Kind.RESTARTED),
        (["appeared", "disappeared"], Kind.BRIEF),
        ([FIRST], Kind.FIRST_SEEN),
        ([FIRST, "disappeared"], Kind.VANISHED),
        ([FIRST, ("rebound", TO_CADDY)], Kind.OWNER),
        ([FIRST, "disappeared", "appeared"], Kind.RESTARTED),
    ],
)
def test_the_net_effect_is_told_and_not_the_way_there(steps, kind):
    assert net(*steps).kind is kind


@pytest.mark.parametrize(
    ("changes", "owner"),
    [
        ([TO_CADDY], ("nginx", "caddy")),
        (
            [TO_CADDY, {"process_name": ["caddy", "node"], "program": ["/bin/caddy", "/bin/node"]}],
            ("nginx", "node"),
        ),
        ([{"program": ["python3 a.py", "python3 b.py"]}], ("python3 a.py", "python3 b.py")),
        ([{"program": ["/bin/web", "/bin/web"], "image": ["web:1", "web:2"]}], ("web:1", "web:2")),
        (
            [
                {
                    "program": ["/bin/nginx", "/bin/docker-proxy"],
                    "process_name": ["nginx", "docker-proxy"],
                    "container_name": ["", "shop"],
                }
            ],
            ("nginx", "shop"),
        ),
        ([{"program": ["/a", "/a"], "user": ["", "eve"]}], ("another program", "eve")),
    ],
)
def test_an_owner_is_named_from_the_first_to_the_last(changes, owner):
    assert net(*(("rebound", each) for each in changes)).owner == owner


def test_a_wider_reach_is_told_with_a_takeover_too():
    found = net(("rebound", TO_CADDY | WIDER))

    assert found.reach == ("this machine only", "everywhere")


def test_a_restart_says_what_the_port_went_through():
    found = net(
        ("rebound", RESTART),
        ("rebound", RESTART),
        ("rebound", {"sockets": [4, 3]}),
        "disappeared",
        "appeared",
    )

    assert found.detail == "was gone once, restarted 2 times, sockets came or went once"


def test_other_addresses_of_the_same_reach_are_told():
    found = net(("rebound", RESTART | {"addresses": ["127.0.0.1", "127.0.0.2"]}))

    assert found.detail == "restarted once, addresses 127.0.0.1 → 127.0.0.2"


def test_of_a_port_that_appeared_twice_the_last_time_counts():
    found = net("appeared", "disappeared", "appeared", ("rebound", RESTART))

    assert found.event.timestamp == NOON + timedelta(minutes=2)
