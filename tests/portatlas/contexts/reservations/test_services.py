"""Reservations as they are written: taken, renewed, released, each with its line of history."""

from datetime import timedelta

import pytest
from django.core.exceptions import ValidationError
from django.db import connection
from django.test.utils import CaptureQueriesContext

from portatlas.contexts.reservations import services
from portatlas.contexts.reservations.models import AllocationRule, Reservation, ReservationEvent
from portatlas.contexts.reservations.querysets import Place
from portatlas.contexts.reservations.services import (
    Actor,
    NotReservedError,
    RefusedError,
    Request,
    TakenError,
)
from tests.conftest import NOON

ME = Actor("me")
HOUR = timedelta(hours=1)
KEY = ("atlas", "tcp", 8080)


def reserve(port=8080, *, host_id="atlas", project="shop", by=ME, at=NOON, **said):
    wanted = Reservation(host_id=host_id, protocol="tcp", port=port, project=project, **said)
    return services.reserve(wanted, by=by, at=at)


def request(*, host_id="atlas", project="shop", by=ME, at=NOON, **wanted):
    asked = Request(Place(host_id, "tcp"), project, range(8000, 8010), **wanted)
    return [each.port for each in services.request(asked, by=by, at=at)]


def lines():
    rows = ReservationEvent.objects.order_by("pk")
    return [(row.action, row.key, row.project, row.performed_by, row.details) for row in rows]


def test_what_is_reserved_is_written_with_a_line_of_history(db):
    made = reserve(tags=["web"], metadata={"ticket": 42})

    assert made.requested_by == "me"
    assert made.reserved_at == NOON
    assert lines() == [("reserved", KEY, "shop", "me", {})]


def test_history_tells_what_it_was_reserved_for(db):
    terms = {"description": "Till", "expires_at": NOON + HOUR, "user": "www", "tags": ["web"]}
    told = {"description": "Till", "expires_at": "2026-01-01T13:00:00Z", "user": "www"}

    reserve(**terms)
    request(terms=terms, count=2)

    assert [line[-1] for line in lines()] == [told] * 3


def test_what_another_project_has_is_taken(db):
    reserve(project="blog", expires_at=NOON + HOUR)

    with pytest.raises(TakenError) as caught:
        reserve()

    said = "8080/tcp on atlas is reserved by blog since 2026-01-01 12:00 until 2026-01-01 13:00."
    assert str(caught.value) == said
    assert [each.project for each in caught.value.taken] == ["blog"]
    assert len(lines()) == 1


def test_what_the_same_project_has_is_renewed_with_what_is_said_beside(db):
    reserve(description="Till", user="www")

    again = reserve(user="web", at=NOON + HOUR)

    assert (again.description, again.user, again.renewed_at) == ("Till", "web", NOON + HOUR)
    assert (again.reserved_at, again.version) == (NOON, 2)
    assert lines()[1] == ("renewed", KEY, "shop", "me", {"changes": {"user": ["www", "web"]}})


@pytest.mark.parametrize(("first", "second"), [("*", "atlas"), ("atlas", "*")])
@pytest.mark.parametrize("project", ["shop", "blog"])
def test_own_and_every_host_s_never_stand_beside_each_other(first, second, project, db):
    reserve(host_id=first)

    with pytest.raises(TakenError):
        reserve(host_id=second, project=project)

    assert Reservation.objects.get().host_id == first


def test_every_host_tells_how_many_are_in_its_way(db):
    reserve(host_id="atlas")
    reserve(host_id="far")

    with pytest.raises(TakenError, match="and so is 1 more"):
        reserve(host_id="*")


@pytest.mark.parametrize("host", ["atlas", "*"])
def test_what_has_run_out_is_released_by_whoever_asks(host, db):
    reserve(host_id=host, project="blog", expires_at=NOON + HOUR)

    reserve(at=NOON + HOUR)

    assert lines()[1:] == [
        ("released", (host, "tcp", 8080), "blog", "", {"why": "its lease ran out"}),
        ("reserved", KEY, "shop", "me", {}),
    ]


def test_what_runs_out_in_a_moment_is_reserved_still(db):
    reserve(project="blog", expires_at=NOON + HOUR)

    with pytest.raises(TakenError):
        reserve(at=NOON + HOUR - timedelta(microseconds=1))


@pytest.mark.parametrize(
    "wrong",
    [{"project": ""}, {"port": 0}, {"expires_at": NOON}, {"tags": ["A"]}, {"host_id": "a b"}],
)
def test_what_cannot_be_is_not_written(wrong, db):
    with pytest.raises(ValidationError) as caught:
        reserve(**wrong)

    assert list(caught.value.message_dict) == list(wrong)
    assert not Reservation.objects.exists()


def test_a_refusal_says_whose_the_port_is(db):
    AllocationRule.objects.create(project="blog", first=8080, last=8089, reason="Ask Bob.")

    with pytest.raises(
        RefusedError, match=r"belongs to project blog, which has 8080-8089\. Ask Bob"
    ):
        reserve()


def test_what_was_reserved_before_its_rule_may_be_renewed(db):
    reserve()
    AllocationRule.objects.create(project="blog", first=8080, last=8089)

    assert services.renew(KEY, {}, by=ME, at=NOON).version == 2


def test_another_project_must_be_let_by_the_rules(db):
    AllocationRule.objects.create(project="shop", first=8080, last=8089)
    reserve()

    with pytest.raises(RefusedError):
        services.renew(KEY, {"project": "blog"}, by=ME, at=NOON)

    assert Reservation.objects.get().project == "shop"


def test_a_renewal_that_was_overtaken_writes_nothing(db):
    read = services.revision(reserve())
    services.renew(KEY, {"user": "www"}, by=Actor("bob"), at=NOON)

    with pytest.raises(NotReservedError, match="Somebody else changed"):
        services.renew(KEY, {"user": "web"}, by=ME, at=NOON, seen=read)

    assert Reservation.objects.get().user == "www"


def test_a_port_that_was_reserved_anew_is_another_reservation(db):
    read = services.revision(reserve())
    services.release(KEY, by=ME, at=NOON)
    reserve(project="blog")

    with pytest.raises(NotReservedError):
        services.release(KEY, by=ME, at=NOON, seen=read)

    assert Reservation.objects.get().project == "blog"


def test_a_release_tells_history_why(db):
    reserve()

    services.release(KEY, by=Actor("bob"), at=NOON + HOUR, why="moved")

    assert not Reservation.objects.exists()
    assert lines()[1] == ("released", KEY, "shop", "bob", {"why": "moved"})


@pytest.mark.parametrize("write", [services.release, lambda *a, **k: services.renew(*a, {}, **k)])
def test_what_is_not_reserved_is_neither_renewed_nor_released(write, db):
    reserve(8081, expires_at=NOON + HOUR)

    for port in (8080, 8081):
        with pytest.raises(NotReservedError, match="is not reserved"):
            write(("atlas", "tcp", port), by=ME, at=NOON + HOUR)

    assert len(lines()) == 1


def test_a_project_is_released_whole(db):
    for port in (1, 2):
        reserve(port)
    reserve(3, project="blog")

    assert services.release_project("shop", by=ME, at=NOON) == 2

    assert Reservation.objects.get().project == "blog"
    assert [line[0] for line in lines()[3:]] == ["released", "released"]


@pytest.mark.parametrize("count", [1, 1000])
def test_however_many_end_it_takes_three_statements(count, db):
    request(count=count, within=range(8000, 9000))
    ended = Reservation.objects.filter(project="shop")

    told = statements(lambda: services.end(ended, at=NOON + HOUR, by="bob", why="moved"))

    last = ("atlas", "tcp", 7999 + count)
    assert told == 3
    assert lines()[-1] == ("released", last, "shop", "bob", {"why": "moved"})
    assert len(lines()) == 2 * count


def test_a_request_gets_the_lowest_that_nobody_has(db):
    reserve(8000)
    reserve(8001, host_id="*")
    reserve(8002, host_id="far")

    assert request(count=2) == [8002, 8003]


def test_a_request_for_every_host_gets_what_no_host_has(db):
    reserve(8000)
    reserve(8001, host_id="far")

    assert request(host_id="*") == [8002]


def test_a_request_gets_what_has_run_out(db):
    reserve(8000, expires_at=NOON + HOUR)

    assert request(at=NOON + HOUR) == [8000]


def test_a_request_that_can_not_be_met_takes_none(db):
    reserve(8003, project="blog")

    with pytest.raises(RefusedError) as caught:
        request(count=4, adjacent=True, within=range(8001, 8006))

    assert str(caught.value).startswith(
        "4 free ports in a row were asked for; there is no such row"
    )
    assert "8001-8005 (1 reserved)" in str(caught.value)
    assert len(lines()) == 1


@pytest.mark.parametrize(
    ("project", "said"),
    [
        ("shop", "The ports of project shop are 8000-8004: none of those asked for is one of them"),
        ("blog", "for blog: they belong to project shop .8000-8004. and project ops .8005-8009."),
    ],
)
def test_a_request_outside_the_rules_is_refused(project, said, db):
    AllocationRule.objects.create(project="shop", first=8000, last=8004)
    AllocationRule.objects.create(project="ops", first=8005, last=8009)
    within = range(8005, 8010) if project == "shop" else range(8000, 8010)

    with pytest.raises(RefusedError, match=said):
        request(project=project, within=within)


def test_who_has_ports_by_a_rule_gets_them_without_asking_where(db):
    AllocationRule.objects.create(project="shop", first=9000, last=9009)

    assert request() == [9000]
    assert request(project="blog") == [8000]


def statements(write):
    with CaptureQueriesContext(connection) as found:
        write()
    return len(found)


def test_statements_do_not_grow(db):
    def few(count):
        for port in range(count):
            reserve(100 + port, host_id="far", expires_at=NOON + HOUR)
            AllocationRule.objects.create(project=f"p{port}", first=1, last=1)
        return [
            statements(lambda: request(count=count, project=f"requested {count}", at=NOON + HOUR)),
            statements(lambda: reserve(9000 + count)),
            statements(lambda: services.release_project(f"requested {count}", by=ME, at=NOON)),
        ]

    assert few(1) == few(3)


@pytest.mark.parametrize(
    ("host", "found"), [("atlas", {2, 3, 10}), ("far", {2, 4}), ("*", {2, 3, 4, 10})]
)
def test_what_is_reserved_at_a_place_is_told_by_number(host, found, db):
    for where, ports in (("*", [2]), ("atlas", [1, 3, 10, 11]), ("far", [4])):
        for port in ports:
            reserve(port, host_id=where)

    ports = Reservation.objects.numbers(Place(host, "tcp"), range(2, 11))

    assert set(ports) == found


def test_no_process_is_one_of_every_host(db):
    with pytest.raises(ValidationError, match="A process is one of one host: say which"):
        reserve(host_id="*", pid=1)
