"""What the tables hold to by themselves, whoever writes: keys, ranges, and that history stays."""

import pytest
from django.core.exceptions import ValidationError
from django.db import IntegrityError, connection, transaction

from portatlas.contexts.reservations.models import AllocationRule, Reservation, ReservationEvent
from portatlas.contexts.reservations.querysets import AppendOnlyError
from tests.conftest import NOON

KEY = {"host_id": "atlas", "protocol": "tcp", "port": 8080}


@pytest.fixture
def line(db):
    return ReservationEvent.objects.create(**KEY, action="reserved", project="shop", at=NOON)


def test_one_port_of_a_host_has_one_reservation(reserved):
    reserved(8080)

    with pytest.raises(IntegrityError), transaction.atomic():
        reserved(8080, project="blog")

    assert Reservation.objects.get().project == "shop"


@pytest.mark.parametrize(
    "other", [{"host_id": "other"}, {"protocol": "udp"}, {"port": 8081}, {"host_id": "*"}]
)
def test_another_port_may_have_another(other, reserved):
    reserved(**KEY)

    reserved(**KEY | other)

    assert Reservation.objects.count() == 2


@pytest.mark.parametrize(
    "wrong",
    [
        {"host_id": ""},
        {"project": ""},
        {"port": 0},
        {"port": 65536},
        {"protocol": "ip"},
        {"observed": "seen"},
    ],
)
def test_the_database_refuses_what_can_not_be_reserved(wrong, reserved):
    with pytest.raises(IntegrityError), transaction.atomic():
        reserved(**KEY | wrong)


@pytest.mark.parametrize(
    "wrong",
    [
        {"first": 0},
        {"last": 65536},
        {"first": 9000, "last": 8999},
        {"project": ""},
        {"protocol": "ip"},
    ],
)
def test_the_database_refuses_what_is_no_rule(wrong, db):
    rule = {"project": "shop", "first": 8000, "last": 8099}

    with pytest.raises(IntegrityError), transaction.atomic():
        AllocationRule.objects.create(**rule | wrong)


def test_the_database_refuses_an_action_that_nobody_knows(db):
    with pytest.raises(IntegrityError), transaction.atomic():
        ReservationEvent.objects.create(**KEY, action="lost", at=NOON)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("host_id", "a host"),
        ("project", "-shop"),
        ("project", "shop\n"),
        ("project", "shop "),
        ("project", "web  shop"),
        ("description", "a\x00b"),
        ("description", "a\ud800b"),
        ("description", "a" * 2_001),
        ("process_name", "\x1b[31m"),
        ("tags", "web"),
        ("tags", ["Web"]),
        ("tags", ["web", "web"]),
        ("tags", [f"t{number}" for number in range(31)]),
        ("tags", [["web"]]),
        ("metadata", ["web"]),
        ("metadata", {"a": "\x00"}),
        ("metadata", {"a": "\ud800"}),
        ("metadata", {"a": float("nan")}),
        ("metadata", {"a": "x" * 16_384}),
        ("metadata", []),
        ("metadata", None),
        ("tags", {}),
        ("tags", ""),
    ],
)
def test_what_no_database_or_terminal_should_be_given_is_refused(field, value):
    wanted = Reservation(**KEY | {"project": "shop", "reserved_at": NOON} | {field: value})

    with pytest.raises(ValidationError) as caught:
        wanted.full_clean(validate_unique=False, validate_constraints=False)

    assert list(caught.value.message_dict) == [field]


def test_a_description_may_have_lines():
    wanted = Reservation(**KEY, project="shop", reserved_at=NOON, description="a\n\tb — ü")

    wanted.clean_fields()


def test_a_rule_is_for_projects_or_for_a_team():
    rule = AllocationRule(project="shop", team_id=1, first=1, last=2)

    with pytest.raises(ValidationError, match="make two of it"):
        rule.clean()


def test_a_line_of_history_is_not_written_again(line):
    line.project = "blog"

    with pytest.raises(AppendOnlyError):
        line.save()

    line.refresh_from_db()
    assert line.project == "shop"


def test_a_line_of_history_is_not_deleted(line):
    with pytest.raises(AppendOnlyError):
        line.delete()

    assert ReservationEvent.objects.get() == line


@pytest.mark.parametrize(
    "change",
    [
        lambda lines: lines.update(project="blog"),
        lambda lines: lines.delete(),
        lambda lines: lines.bulk_update(list(lines), ["project"]),
        lambda lines: lines.update_or_create(defaults={"project": "blog"}, port=8080),
    ],
)
def test_no_line_of_history_is_changed_among_many(change, line):
    with pytest.raises(AppendOnlyError):
        change(ReservationEvent.objects.filter(port=8080))

    assert list(ReservationEvent.objects.values_list("pk", "project")) == [(line.pk, "shop")]


def test_a_port_is_named_in_a_sentence(reserved, line):
    assert str(reserved(8080)) == "shop (8080/tcp on atlas)"
    assert str(reserved(53, host_id="*", protocol="udp")) == "shop (53/udp on every host)"
    assert str(line) == "8080/tcp on atlas reserved 2026-01-01 12:00:00"
    assert str(AllocationRule(project="shop", first=1, last=2)) == "1-2 for shop"


def test_the_history_of_a_project_is_found_by_an_index(db):
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:  # so few lines are read faster without any
            cursor.execute("SET LOCAL enable_seqscan = off; SET LOCAL enable_sort = off")

    plan = ReservationEvent.objects.filter(project="shop")[:50].explain()

    assert "reservations_history_project" in plan
