"""What an import writes: all of a file or nothing, and what its history doesn't tell."""

from datetime import timedelta

import pytest
from django.contrib.auth.models import Group
from django.db import connection
from django.test.utils import CaptureQueriesContext

from portatlas.contexts.reservations import services
from portatlas.contexts.reservations.exchange.plan import key
from portatlas.contexts.reservations.exchange.services import ConflictsError
from portatlas.contexts.reservations.models import AllocationRule, Reservation, ReservationEvent
from portatlas.contexts.reservations.services import Actor
from tests.conftest import NOON
from tests.portatlas.contexts.reservations.exported import (
    a_file,
    a_row,
    dump,
    empty,
    told,
    write,
)

pytestmark = pytest.mark.django_db
ALICE = Actor("alice")
LATER = NOON + timedelta(days=1)


def reserve(port=8000, **said):
    said = {"host_id": "atlas", "project": "shop", **said}
    return services.reserve(Reservation(port=port, **said), by=ALICE, at=NOON)


def test_an_empty_database_becomes_the_same_as_the_one_that_was_exported():
    metadata = {"b": [1, {"ü": [None, True, 2.5, 1e22]}], "a": 10**30, "": {"\\u0000": "日本"}}
    reserve(metadata=metadata, description="Zoë's\n\ttill", tags=["web", "b"])
    reserve(8001, host_id="*", protocol="udp", process_name="named", auto_release=True)
    process = {"pid_started_at": 1.5e9 + 0.123456789, "pid_seen_in": "8f0a pid:[4026531836]"}
    reserve(8002, pid=4242, **process, expires_at=LATER)
    reserve(8003)
    at = NOON + timedelta(microseconds=7)
    services.renew(("atlas", "tcp", 8000), {"project": "till", "unit": "a"}, by=ALICE, at=at)
    services.release(("atlas", "tcp", 8003), by=ALICE, at=NOON, why="done")
    AllocationRule.objects.create(team=Group.objects.create(name="ops"), first=1, last=9)
    AllocationRule.objects.create(project="shop*", first=8000, last=8999, reason="agreed")
    data = dump()
    empty()
    Group.objects.filter(name="ops").delete()

    write(data, at=LATER)

    assert dump() == data
    assert (Reservation.objects.count(), len(told())) == (3, 6)


def test_a_second_import_changes_nothing():
    reserve()
    services.release(("atlas", "tcp", 8000), by=ALICE, at=NOON)
    reserve()
    data = dump()

    plan = write(data, at=LATER)

    assert (plan.same, plan.new, plan.history, plan.conflicts) == (1, [], [], [])
    assert dump() == data


def test_lines_that_say_the_same_are_written_as_often_as_they_are_said():
    line = {"host_id": "atlas", "protocol": "tcp", "port": 1, "action": "freed"}
    line["at"] = "2026-01-01T12:00:00Z"
    write(a_file(history=[line] * 3))

    write(a_file(history=[line] * 1200))

    assert ReservationEvent.objects.count() == 1200


def test_without_a_history_the_import_is_told():
    write(a_file(a_row()))

    assert told() == [(8000, "reserved", "shop", "import")]
    assert ReservationEvent.objects.get().performed_by == "bob"


def test_what_was_released_meanwhile_is_reserved_anew_and_that_is_told():
    reserve()
    data = dump()
    services.release(("atlas", "tcp", 8000), by=ALICE, at=NOON)

    write(data, at=LATER)

    assert told() == [
        (8000, "reserved", "shop", ""),
        (8000, "released", "shop", ""),
        (8000, "reserved", "shop", "import"),
    ]


def test_a_conflict_leaves_all_as_it_was():
    reserve(project="blog")
    before = dump()

    with pytest.raises(ConflictsError) as error:
        write(a_file(a_row(), a_row(8001)))

    [conflict] = error.value.plan.conflicts
    assert (key(conflict.row), conflict.ours[0].row["project"]) == (("atlas", "tcp", 8000), "blog")
    assert dump() == before


def test_somebody_else_is_replaced_and_that_is_told():
    old = reserve(project="blog")

    write(a_file(a_row()), replace=True, at=LATER)

    new = Reservation.objects.get()
    assert (new.project, services.revision(new) == services.revision(old)) == ("shop", False)
    assert told()[1:] == [
        (8000, "released", "blog", "import"),
        (8000, "reserved", "shop", "import"),
    ]


def test_other_terms_are_a_conflict_and_renew_what_is_there():
    reserve(metadata={"a": 1}, tags=["web"])
    Reservation.objects.update(observed="in-use")
    row = a_row(metadata={"a": True}, requested_by="alice", reserved_at=NOON.isoformat())

    write(a_file(row), replace=True, at=LATER)

    renewed = Reservation.objects.get()
    line = ReservationEvent.objects.order_by("pk").last()
    assert (renewed.metadata, renewed.tags) == ({"a": True}, [])
    assert (renewed.version, renewed.observed) == (2, "in-use")
    assert line.details == {
        "why": "import",
        "changes": {"tags": [["web"], []], "metadata": [{"a": 1}, {"a": True}]},
    }


def test_a_port_of_every_host_and_one_of_a_host_are_a_conflict_both_ways():
    reserve(8000)
    reserve(8000, host_id="other")
    reserve(8001, host_id="*")
    data = a_file(a_row(8000, host_id="*"), a_row(8001), a_row(8001, host_id="other"))

    with pytest.raises(ConflictsError):
        write(data)
    write(data, replace=True)

    keys = sorted(each.key for each in Reservation.objects.all())
    assert keys == [("*", "tcp", 8000), ("atlas", "tcp", 8001), ("other", "tcp", 8001)]


def test_what_the_file_does_not_name_stays():
    reserve(9000)

    plan = write(a_file(a_row()), replace=True)

    assert (plan.others, Reservation.objects.count()) == (1, 2)


def test_what_has_run_out_is_in_nobodys_way():
    reserve(project="blog", expires_at=NOON + timedelta(hours=1))

    write(a_file(a_row()), at=LATER)

    assert Reservation.objects.get().project == "shop"
    assert told()[1] == (8000, "released", "blog", "its lease ran out")


def test_rules_keep_nothing_out_and_what_they_would_refuse_is_told(django_user_model):
    ops = Group.objects.create(name="ops")
    django_user_model.objects.create_user("alice").groups.add(ops)
    AllocationRule.objects.create(team=ops, first=8000, last=8009)
    row = a_row(8001, requested_by="alice (laptop)")

    plan = write(a_file(a_row(), row, rules=[{"first": 1, "last": 9, "host_id": "*", "team": "x"}]))

    assert Reservation.objects.count() == 2
    assert plan.remarks == (
        "8000/tcp on atlas, shop: 8000/tcp belongs to the team ops, which has 8000-8009.",
        "The team x is made, with nobody in it: a rule is about it.",
    )


def test_an_export_of_a_project_has_nothing_of_others():
    reserve()
    reserve(8001, project="blog")
    AllocationRule.objects.create(project="sh*", first=1, last=9)
    AllocationRule.objects.create(project="blog", first=1, last=9)
    data = dump(project="shop")
    empty()

    write(data)

    assert [each.project for each in Reservation.objects.all()] == ["shop"]
    assert [each.project for each in AllocationRule.objects.all()] == ["sh*"]
    assert told() == [(8000, "reserved", "shop", "")]


def statements(count: int) -> int:
    """Return how many an import takes that replaces half of what it writes."""
    Reservation.objects.all().delete()
    for port in range(1, count + 1, 2):
        Reservation.objects.create(
            host_id="atlas",
            port=port,
            project="blog" if port % 4 == 1 else "shop",
            reserved_at=NOON,
        )
    with CaptureQueriesContext(
        connection,
    ) as queries:
        write(a_file(*(a_row(port) for port in range(1, count + 1))), replace=True)
    return len(queries)


def test_a_larger_file_takes_no_more_statements():
    assert statements(8) == statements(40)
