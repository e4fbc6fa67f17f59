"""Where the program of a port that is gone listens now."""

from datetime import timedelta

import pytest

from portatlas.models import Port
from portatlas.moves import candidates, moved_to
from tests.conftest import NOON

MINUTE = timedelta(minutes=1)
DAY = timedelta(days=1)


@pytest.fixture
def leave(open_port, write_note):
    """Return a function that records a port with a note which was gone at noon."""

    def leave(port=8080, *, protocol="tcp", **fields):
        write_note(port, protocol=protocol)
        return open_port(port, protocol=protocol, gone=True, **{"process_name": "shop"} | fields)

    return leave


@pytest.fixture
def appear(open_port):
    """Return a function that records a port which appeared a minute after noon."""

    def appear(port=8081, **fields):
        return open_port(port, **{"process_name": "shop", "active_since": NOON + MINUTE} | fields)

    return appear


def moves():
    """Return each move as (old number, new number)."""
    gone = list(Port.objects.filter(current_state="disappeared").order_by("port"))
    found = moved_to(gone, candidates(gone))
    return [(old.port, found[old.pk].port) for old in gone if old.pk in found]


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ({"unit": "shop.service", "exe": "/old"}, {"unit": "shop.service", "exe": "/new"}),
        ({"socket_unit": "ssh.socket", "role": "socket_unit"},) * 2,
        ({"container_name": "shop-web-1"},) * 2,
        ({"compose_service": "shop/web", "image": "shop:1"},) * 2,
        ({"exe": "/usr/bin/shop"},) * 2,
        (
            {"exe": "/usr/bin/python3.11", "cmdline": "python3 -m http.server 8080"},
            {"exe": "/usr/bin/python3.11", "cmdline": "python3 -m http.server 8081"},
        ),
        (
            {"exe": "/usr/bin/ssh", "role": "tunnel", "cmdline": "ssh -L 8080:db:80 atlas"},
            {"exe": "/usr/bin/ssh", "role": "tunnel", "cmdline": "ssh -L 8081:db:80 atlas"},
        ),
        (
            {"exe": "/usr/bin/shop", "unit": "cron.service"},
            {"exe": "/usr/bin/shop", "unit": "cron.service"},
        ),
    ],
)
def test_the_same_program_on_another_port_has_moved(before, after, leave, appear):
    leave(**before)
    appear(**after)

    assert moves() == [(8080, 8081)]


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ({}, {}),
        ({"process_name": "shop"}, {"process_name": "shop"}),  # a name is anybody's
        ({"unit": "shop.service"}, {"unit": "blog.service"}),
        ({"unit": "docker.service"}, {"unit": "docker.service"}),
        ({"unit": "user@1000.service"}, {"unit": "user@1000.service"}),
        ({"image": "shop:1"}, {"image": "shop:1"}),
        ({"compose_service": "a/web", "image": "x"}, {"compose_service": "b/web", "image": "x"}),
        (
            {"exe": "/usr/bin/python3.11", "cmdline": "python3 shop.py 8080"},
            {"exe": "/usr/bin/python3.11", "cmdline": "python3 blog.py 8081"},
        ),
        ({"exe": "/usr/bin/java"}, {"exe": "/usr/bin/java"}),
        (
            {"exe": "/usr/bin/shop", "cmdline": "shop 18080"},
            {"exe": "/usr/bin/blog", "cmdline": "shop 18081"},
        ),
        (
            {"exe": "/usr/bin/docker-proxy", "role": "proxy", "cmdline": "-container-ip 1.1.1.1"},
            {"exe": "/usr/bin/docker-proxy", "role": "proxy", "cmdline": "-container-ip 1.1.1.2"},
        ),
        (
            {"exe": "/lib/systemd/systemd", "role": "socket_unit", "cmdline": "/sbin/init"},
            {"exe": "/lib/systemd/systemd", "role": "socket_unit", "cmdline": "/sbin/init"},
        ),
        (
            {"exe": "/usr/sbin/nginx", "unit": "nginx.service"},
            {"exe": "/usr/sbin/nginx", "container_name": "blog"},
        ),
    ],
)
def test_another_program_has_not_moved(before, after, leave, appear):
    leave(**before)
    appear(**after)

    assert moves() == []


@pytest.mark.parametrize("fields", [{"host_id": "other"}, {"protocol": "udp"}, {"gone": True}])
def test_a_move_stays_on_its_host_and_protocol_and_is_to_where_something_listens(
    fields, leave, appear
):
    leave(unit="shop.service")
    appear(unit="shop.service", **fields)

    assert moves() == []


def test_what_has_a_note_is_another_port(leave, appear, write_note):
    leave(unit="shop.service")
    appear(unit="shop.service")
    write_note(8081)

    assert moves() == []


@pytest.mark.parametrize(
    ("appeared", "expected"),
    [
        (NOON - DAY - MINUTE, []),
        (NOON - DAY, [(8080, 8081)]),
        (NOON + 30 * DAY, [(8080, 8081)]),
    ],
)
def test_what_listened_beside_it_for_more_than_a_day_is_another_port(
    appeared, expected, leave, appear
):
    """Nginx on 80 and 443: one of them stops, and has not moved to the other."""
    leave(unit="shop.service")
    appear(unit="shop.service", active_since=appeared)

    assert moves() == expected


def test_stronger_evidence_decides_before_time_and_number(leave, appear):
    leave(unit="shop.service", exe="/usr/bin/shop", cmdline="shop --port 8080")
    appear(8081, exe="/usr/bin/shop", cmdline="shop --port 8081", active_since=NOON)
    appear(9999, unit="shop.service", active_since=NOON + DAY)

    assert moves() == [(8080, 9999)]


def test_time_decides_before_the_number(leave, appear):
    leave(unit="shop.service")
    appear(8081, unit="shop.service", active_since=NOON + 2 * MINUTE)
    appear(9999, unit="shop.service", active_since=NOON - MINUTE)

    assert moves() == [(8080, 9999)]


def test_the_nearest_number_decides_last(leave, appear):
    leave(unit="shop.service")
    for port in (8070, 8083, 8078, 8082):
        appear(port, unit="shop.service")

    assert moves() == [(8080, 8078)]


def test_no_two_ports_move_to_the_same_one(leave, appear):
    leave(8080, unit="shop.service")
    leave(8443, unit="shop.service")
    leave(8500, unit="shop.service")
    appear(8081, unit="shop.service")
    appear(8444, unit="shop.service")

    assert moves() == [(8080, 8081), (8443, 8444)]


def test_candidates_cost_one_query_and_matching_none(leave, appear, django_assert_num_queries):
    for number in range(3):
        leave(8080 + number, unit=f"shop{number}.service", exe="/usr/bin/shop")
        appear(9080 + number, unit=f"shop{number}.service", exe="/usr/bin/shop")
    appear(22, unit="blog.service", exe="/usr/bin/blog")
    gone = list(Port.objects.filter(current_state="disappeared"))

    with django_assert_num_queries(1):
        found = list(candidates(gone))
    with django_assert_num_queries(0):
        moved = moved_to(gone, found)

    assert sorted(port.port for port in found) == [9080, 9081, 9082]
    assert {old.port: moved[old.pk].port for old in gone} == {8080: 9080, 8081: 9081, 8082: 9082}


def test_nothing_gone_and_nothing_known_about_it_has_no_candidates(leave, appear):
    leave()
    appear()

    assert list(candidates(Port.objects.filter(current_state="disappeared"))) == []
    assert list(candidates([])) == []
    assert moved_to([], []) == {}
