"""Reservations through the API: one address for each port, and never over another project."""

import os
from datetime import timedelta

import pytest
from django.contrib.auth.models import Group, Permission
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from portatlas.contexts.reservations.models import AllocationRule, Reservation, ReservationEvent
from portatlas.contexts.reservations.services import Actor, reserve
from portatlas.tokens import services
from portatlas.tokens.scopes import Scope
from tests.conftest import NOON

ALL = "/api/v1/reservations/"
PORT = f"{ALL}beta/tcp/8080/"  # of a host that is not the one of the tests
KEY = {"host_id": "beta", "protocol": "tcp", "port": 8080}
SHOP = {"project": "shop"}
JSON = "application/json"
NEVER = 2**22 + 1  # a PID that no kernel gives


@pytest.fixture(autouse=True)
def _noon(time_machine):
    time_machine.move_to(NOON, tick=False)


@pytest.fixture
def booked(db):
    """Return a function that reserves a port."""

    def booked(port=8080, host_id="beta", project="shop", by="alice", **terms):
        wanted = Reservation(host_id=host_id, port=port, project=project, **terms)
        return reserve(wanted, by=Actor(by), at=timezone.now())

    return booked


@pytest.fixture
def write(admin_client):
    """Return a function that writes to the port as an administrator."""

    def write(method, body=None, path=PORT, **headers):
        send = getattr(admin_client, method)
        return send(path, body, JSON, headers=headers)

    return write


@pytest.fixture
def token(admin_user):
    """Return a function that makes a token of the administrator and gives its header."""

    def token(*scopes):
        _token, secret = services.make(admin_user, name="CI", scopes=list(scopes), at=NOON)
        return {"authorization": f"Bearer {secret}"}

    return token


def told(answer):
    """Return the status of an answer, and which problem it is."""
    return answer.status_code, answer.json()["type"].split("/")[-2]


def history():
    rows = ReservationEvent.objects.order_by("pk")
    return list(rows.values_list("action", "project", "performed_by"))


def test_what_is_reserved_is_read_at_the_address_of_its_port(write, admin_client, admin_user):
    said = {
        "project": "shop",
        "description": "Its preview",
        "tags": ["web"],
        "metadata": {"ticket": 42},
        "expires_at": "2026-01-02T12:00:00Z",
        "auto_release": True,
        "process_name": "node",
        "user": "shop",
        "unit": "shop.service",
        "container_name": "shop-1",
        "pid": None,
    }

    made = write("post", KEY | said, ALL)
    read = admin_client.get(PORT)

    ours = {
        "status": "reserved",
        "requested_by": admin_user.username,
        "reserved_at": "2026-01-01T12:00:00Z",
        "renewed_at": None,
    }
    assert (made.status_code, made["Location"]) == (201, PORT)
    assert read.json() == made.json() == KEY | said | ours
    assert read["ETag"] == made["ETag"]
    assert admin_client.get(ALL).json()["results"] == [read.json()]


@pytest.mark.parametrize("project", ["shop", "blog"])
def test_what_somebody_has_is_not_made_again(project, write, booked):
    booked()

    answer = write("post", KEY | {"project": project}, ALL)

    whose = {"project": "shop", "requested_by": "alice"}
    times = {"reserved_at": "2026-01-01T12:00:00Z", "expires_at": None}
    assert told(answer) == (409, "taken")
    assert answer.json()["taken_by"] == [KEY | whose | times]
    assert answer["Location"] == PORT


def test_what_is_reserved_on_every_host_is_taken_on_each(write, booked):
    booked(host_id="*")

    answer = write("put", SHOP)

    assert told(answer) == (409, "taken")
    assert answer["Location"] == f"{ALL}*/tcp/8080/"


def test_put_makes_what_is_not_there_and_says_anew_what_is(write, booked):
    made = write("put", SHOP | {"tags": ["web"], "description": "Its preview"})

    again = write("put", SHOP | {"tags": ["api"]})

    assert (made.status_code, again.status_code) == (201, 200)
    assert (again.json()["tags"], again.json()["description"]) == (["api"], "")
    assert history() == [("reserved", "shop", "admin"), ("renewed", "shop", "admin")]


def test_another_project_is_written_over_only_by_who_has_read_it(write, booked, admin_client):
    booked()
    tag = admin_client.get(PORT)["ETag"]

    blind = write("put", {"project": "blog"})
    of_any = write("put", {"project": "blog"}, if_match="*")
    read = write("put", {"project": "blog"}, if_match=tag)

    assert [told(blind), told(of_any)] == [(409, "taken")] * 2
    assert (read.status_code, read.json()["project"]) == (200, "blog")


def test_patch_renews_and_changes_what_it_names(write, booked, time_machine):
    booked(description="Its preview", expires_at=NOON + timedelta(hours=1))
    time_machine.move_to(NOON + timedelta(minutes=30), tick=False)

    answer = write("patch", {"expires_at": "2026-01-01T14:00:00+00:00"})

    found = answer.json()
    assert (answer.status_code, found["renewed_at"]) == (200, "2026-01-01T12:30:00Z")
    assert (found["expires_at"], found["description"]) == ("2026-01-01T14:00:00Z", "Its preview")
    assert write("patch", {}).status_code == 200


def test_a_released_port_is_free_and_its_history_stays(write, booked, admin_client):
    booked()

    answer = write("delete")

    assert (answer.status_code, answer.content) == (204, b"")
    assert admin_client.get(PORT).status_code == write("delete").status_code == 404
    assert history() == [("reserved", "shop", "alice"), ("released", "shop", "admin")]


@pytest.mark.parametrize("method", ["put", "patch", "delete"])
def test_what_somebody_else_has_changed_is_not_written_on(method, write, booked, admin_client):
    booked()
    tag = admin_client.get(PORT)["ETag"]
    newer = write("patch", {"description": "Mine"})["ETag"]

    answer = write(method, SHOP, if_match=tag)

    assert told(answer) == (412, "changed")
    assert (answer["ETag"], newer == tag) == (newer, False)
    assert Reservation.objects.get().description == "Mine"


def test_if_none_match_only_makes(write):
    first, second = (write("put", SHOP, if_none_match="*") for _time in range(2))

    assert (first.status_code, told(second)) == (201, (412, "changed"))


def test_what_is_released_and_reserved_again_is_another(write, booked):
    tag = write("put", SHOP)["ETag"]
    write("delete")
    write("put", SHOP)

    assert told(write("delete", if_match=tag)) == (412, "changed")


def test_a_reservation_that_has_run_out_is_none(write, booked, admin_client, time_machine):
    booked(project="blog", expires_at=NOON + timedelta(hours=1))
    time_machine.move_to(NOON + timedelta(hours=1), tick=False)

    gone = [admin_client.get(PORT), write("patch", {}), write("delete")]

    assert [answer.status_code for answer in gone] == [404] * 3
    assert admin_client.get(ALL).json()["results"] == []
    assert write("put", SHOP).status_code == 201


def test_a_port_in_use_is_reserved_only_if_that_is_said(write, open_port):
    open_port(8080, host_id="beta", process_name="nginx", current_pid=7)

    held = write("put", SHOP)
    nevertheless = write("put", SHOP | {"even_if_held": True})

    assert told(held) == (409, "held")
    assert held.json()["detail"] == "8080/tcp on beta is held by nginx (PID 7)."
    assert (nevertheless.status_code, nevertheless.json()["status"]) == (201, "in-use")


def test_a_rule_of_allocation_is_told_to_who_breaks_it(write, admin_user):
    ops = Group.objects.create(name="ops")
    AllocationRule.objects.create(team=ops, first=8000, last=8100, reason="Ask Ops.")

    refused = write("put", SHOP)
    admin_user.groups.add(ops)

    assert told(refused) == (409, "not-allowed")
    assert refused.json()["detail"] == (
        "8080/tcp belongs to the team ops, which has 8000-8100. Ask Ops."
    )
    assert write("put", SHOP).status_code == 201


@pytest.mark.parametrize(
    ("said", "where", "code"),
    [
        ({"expires_at": "2025-12-31T00:00:00Z"}, "#/expires_at", "over"),
        ({"expires_at": "0001-01-01T00:00:00+01:00"}, "#/expires_at", "calendar"),
        ({"expires_at": "soon"}, "#/expires_at", None),
        ({"expires_at": 7}, "#/expires_at", None),
        ({"pid": 1}, "#/pid", "process"),
        ({"description": "\x1b[2J"}, "#/description", "printable"),
        ({"unit": "\ud800"}, "#/unit", "printable"),
        ({"user": "\x00"}, "#/user", "printable"),
        ({"metadata": {"a": "\x00"}}, "#/metadata", "metadata"),
        ({"metadata": {"\ud800": 1}}, "#/metadata", "metadata"),
        ({"metadata": {"a": "b" * 16_384}}, "#/metadata", "metadata"),
        ({"metadata": []}, "#/metadata", None),
        ({"tags": ["web", "web"]}, "#/tags", None),
        ({"tags": ["Web"]}, "#/tags", None),
        ({"tags": "web"}, "#/tags", None),
        ({"auto_release": "true"}, "#/auto_release", None),
        ({"auto_release": 1}, "#/auto_release", None),
        ({"even_if_held": "yes"}, "#/even_if_held", None),
        ({"pid": "7"}, "#/pid", None),
        ({"pid": 0}, "#/pid", None),
        ({"pid": 2**31}, "#/pid", None),
        ({"description": "x" * 2_001}, "#/description", None),
        ({"project": "shop\n"}, "#/project", None),
        ({"project": "-shop"}, "#/project", None),
        ({"project": "x" * 101}, "#/project", None),
        ({"project": ""}, "#/project", None),
        ({"project": None}, "#/project", None),
        ({"projcet": "shop"}, "#/projcet", None),
        ({"\ud800": 1}, "#/\ud800", None),
    ],
)
def test_what_cannot_be_is_refused_by_its_place(said, where, code, write):
    answer = write("put", SHOP | said)

    [error] = answer.json()["errors"]
    assert (answer.status_code, error["pointer"], error.get("code")) == (400, where, code)
    assert not Reservation.objects.exists()


def test_the_body_and_the_address_are_of_one_port(write):
    answer = write("put", SHOP | {"port": 8081})

    assert told(answer) == (409, "conflict")
    assert answer.json()["errors"] == [{"pointer": "#/port", "detail": "The address says 8080."}]


def test_a_pid_is_that_of_a_process_which_runs_here(write, settings):
    here = f"{ALL}{settings.PORTATLAS_HOST_ID}/tcp/48080/"

    leased = write("put", SHOP | {"pid": os.getpid()}, here)
    nobody = write("patch", {"pid": NEVER}, here)

    assert (leased.status_code, leased.json()["pid"]) == (201, os.getpid())
    assert nobody.json()["errors"] == [
        {
            "pointer": "#/pid",
            "detail": f"No process {NEVER} runs on this machine.",
            "code": "process",
        }
    ]
    assert Reservation.objects.get().pid_started_at is not None


@pytest.mark.parametrize(
    ("asked", "ports"),
    [
        ("", [8001, 8002, 8003]),
        ("host_id=beta", [8001, 8002]),
        ("host_id=*", [8003]),
        ("protocol=udp", []),
        ("port=8000-8001", [8001]),
        ("port_range_min=8002&port_range_max=8002", [8002]),
        ("project=blog", [8002]),
        ("status=in-use", [8001]),
        ("status=reserved,violated", [8002, 8003]),
        ("tag=web", [8001]),
        ("requested_by=bob", [8002]),
        ("expires_before=2026-01-03", [8001]),
        ("expires_since=2026-01-03", []),
        ("auto_release=true", [8003]),
        ("ordering=-port", [8003, 8002, 8001]),
        ("ordering=-expires_at,project", [8001, 8002, 8003]),
        ("limit=1&offset=1", [8001]),
    ],
)
def test_lists_are_of_what_is_asked_for(asked, ports, booked, open_port, admin_client):
    open_port(8001, host_id="beta")
    booked(8001, tags=["web"], expires_at=NOON + timedelta(days=1))
    booked(8002, project="blog", by="bob")
    booked(8003, host_id="*", auto_release=True)

    answer = admin_client.get(f"{ALL}?{asked}")

    found = [row["port"] for row in answer.json()["results"]]
    in_order = found if "ordering" in asked or "offset" in asked else sorted(found)
    assert (answer.status_code, in_order) == (200, ports)


@pytest.mark.parametrize("asked", ["status=free", "ordering=status", "projcet=shop", "limit=0"])
def test_what_no_list_knows_is_an_error(asked, admin_client):
    assert told(admin_client.get(f"{ALL}?{asked}")) == (400, "invalid")


def test_a_page_of_many_takes_as_many_statements_as_one_of_one(booked, open_port, admin_client):
    booked(8000)
    admin_client.get(ALL)
    with CaptureQueriesContext(connection) as few:
        admin_client.get(ALL)
    for port in range(8001, 8009):
        open_port(port, host_id="beta")
        booked(port, project=f"shop-{port}")

    with CaptureQueriesContext(connection) as many:
        rows = admin_client.get(ALL).json()["results"]

    assert (len(rows), len(many)) == (9, len(few))


def test_a_list_that_is_the_same_is_not_told_again(booked, admin_client):
    booked()
    tag = admin_client.get(ALL)["ETag"]

    same = admin_client.get(ALL, headers={"if-none-match": tag})
    booked(8081)
    other = admin_client.get(ALL, headers={"if-none-match": tag})

    assert (same.status_code, other.status_code) == (304, 200)


def test_that_a_port_is_violated_is_news_for_who_reads_ports(booked, open_port, admin_client):
    open_port(8080, host_id="beta", process_name="nginx", owner_state="known")
    tag = admin_client.get("/api/v1/ports/")["ETag"]

    booked(process_name="node")
    answer = admin_client.get("/api/v1/ports/", headers={"if-none-match": tag})

    assert (answer.status_code, answer.json()["results"][0]["state"]) == (200, "suspicious")


@pytest.mark.parametrize("scope", Scope)
@pytest.mark.parametrize(
    "path", ["", "beta/tcp/8080/", "history/", "summary/", "check/beta/tcp/8080/"]
)
def test_which_scopes_read_reservations(scope, path, token, client, booked):
    booked()

    answer = client.get(ALL + path, headers=token(scope))

    may = scope in {Scope.READ_RESERVATIONS, Scope.ADMIN}
    assert answer.status_code == (200 if may else 403)


@pytest.mark.parametrize("scope", Scope)
def test_which_scopes_write_reservations(scope, token, client):
    headers = token(scope)

    answer = client.put(PORT, SHOP, JSON, headers=headers)

    may = scope in {Scope.WRITE_RESERVATIONS, Scope.ADMIN}
    assert answer.status_code == (201 if may else 403)


def test_who_may_write_and_not_read_is_told_nothing_more(token, client, booked):
    booked(description="Secret")

    answer = client.put(PORT, SHOP, JSON, headers=token("reservations:write"))

    assert (answer.status_code, answer.content) == (204, b"")


def test_history_names_the_token_by_which_something_was_done(token, client):
    client.put(PORT, SHOP, JSON, headers=token("reservations:write"))

    assert history() == [("reserved", "shop", "admin (token CI)")]


def test_the_longest_names_of_user_and_token_have_room(django_user_model, client):
    user = django_user_model.objects.create_superuser("u" * 150)
    _token, secret = services.make(user, name="t" * 60, scopes=["admin"], at=NOON)

    answer = client.put(PORT, SHOP, JSON, headers={"authorization": f"Bearer {secret}"})

    assert answer.json()["requested_by"] == f"{'u' * 81} (token {'t' * 60})"


@pytest.mark.parametrize(
    ("may", "method"),
    [("add", "post"), ("change", "patch"), ("delete", "delete"), ("view", "get")],
)
def test_permissions_are_those_of_the_admin(may, method, client, django_user_model, booked):
    booked()
    user = django_user_model.objects.create_user("bob")
    client.force_login(user)
    where, body = (ALL, KEY | SHOP | {"port": 8081}) if method == "post" else (PORT, SHOP)

    before = getattr(client, method)(where, body, JSON)
    user.user_permissions.add(Permission.objects.get(codename=f"{may}_reservation"))
    after = getattr(client, method)(where, None if method == "get" else body, JSON)

    assert before.status_code == 403
    assert after.status_code in {200, 201, 204}


def test_who_puts_a_reservation_may_make_and_change_one(client, django_user_model, booked):
    booked()
    user = django_user_model.objects.create_user("bob")
    client.force_login(user)

    statuses = []
    for may in ("add", "change"):
        user.user_permissions.add(Permission.objects.get(codename=f"{may}_reservation"))
        statuses.append(client.put(PORT, SHOP, JSON).status_code)

    assert statuses == [403, 204]


@pytest.mark.parametrize("method", ["get", "patch", "delete"])
def test_who_means_a_reservation_of_every_host_is_told_of_it(method, write, booked, admin_client):
    booked(host_id="*")

    answer = admin_client.get(PORT) if method == "get" else write(method, {})

    assert answer.status_code == 404
    assert answer.json()["detail"].endswith(" itself: shop has 8080/tcp on every host.")


@pytest.mark.parametrize(
    "path", ["-x/tcp/80/", "beta/sctp/80/", "beta/tcp/0/", "beta/tcp/65536/", "%00/tcp/80/"]
)
def test_what_no_port_can_be_called_is_not_found(path, admin_client):
    statuses = [admin_client.get(f"{ALL}{more}{path}").status_code for more in ("", "check/")]

    assert statuses == [404, 404]
