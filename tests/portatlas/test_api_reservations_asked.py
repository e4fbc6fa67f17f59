"""What the API finds out of reservations: free ports, how one stands, what happened, how many."""

import socket
from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from collector import well_known
from portatlas.api import reservation_summary
from portatlas.contexts.reservations import services
from portatlas.contexts.reservations.models import AllocationRule, Reservation, ReservationEvent
from portatlas.contexts.reservations.services import Actor, reserve
from portatlas.reserving import binding
from portatlas.tokens import services as tokens
from tests.conftest import NOON

ALL = "/api/v1/reservations/"
REQUEST, HISTORY, SUMMARY = (f"{ALL}{name}/" for name in ("request", "history", "summary"))
JSON = "application/json"


@pytest.fixture(autouse=True)
def _noon(time_machine):
    time_machine.move_to(NOON, tick=False)


@pytest.fixture(autouse=True)
def _no_names(monkeypatch, tmp_path):
    """Whatever this machine's /etc/services names, here it names nothing."""
    monkeypatch.setattr(well_known, "PATH", str(tmp_path / "services"))


@pytest.fixture
def booked(db):
    """Return a function that reserves a port."""

    def booked(port=8080, host_id="beta", project="shop", **terms):
        wanted = Reservation(host_id=host_id, port=port, project=project, **terms)
        return reserve(wanted, by=Actor("alice"), at=timezone.now())

    return booked


@pytest.fixture
def request_ports(admin_client):
    """Return a function that asks for ports of another host, as an administrator."""

    def request_ports(**asked):
        body = {"project": "shop", "host_id": "beta"} | asked
        return admin_client.post(REQUEST, body, JSON)

    return request_ports


@pytest.fixture
def check(admin_client):
    """Return a function that asks how a port stands."""

    def check(where, **asked):
        return admin_client.get(f"{ALL}check/{where}/", asked).json()

    return check


def numbers(answer):
    return [row["port"] for row in answer.json()["reservations"]]


def problem(answer):
    """Return the status of an answer, which problem it is, and its sentence."""
    told = answer.json()
    return answer.status_code, told["type"].split("/")[-2], told["detail"]


@pytest.mark.parametrize(
    ("asked", "ports"),
    [
        ({}, [8001]),
        ({"count": 3}, [8001, 8003, 8004]),
        ({"within": "9000-9010"}, [9000]),
        ({"count": 2, "near": 8090}, [8090, 8091]),
        ({"count": 2, "adjacent": True}, [8003, 8004]),
        ({"protocol": "udp"}, [8000]),
    ],
)
def test_free_ports_are_found_and_reserved(asked, ports, request_ports, booked, open_port):
    open_port(8000, host_id="beta")
    booked(8002)

    answer = request_ports(**asked)

    assert (answer.status_code, numbers(answer)) == (201, ports)
    assert set(Reservation.objects.values_list("port", flat=True)) == {8002, *ports}


def test_each_is_told_as_it_is_read(request_ports, admin_client):
    terms = {"description": "Preview", "expires_at": "2026-01-02T00:00:00Z", "unit": "shop.service"}

    [given] = request_ports(**terms).json()["reservations"]

    assert given | terms | {"status": "reserved"} == given
    assert admin_client.get(f"{ALL}beta/tcp/{given['port']}/").json() == given


def test_they_are_of_this_very_host_unless_another_is_said(admin_client, settings):
    here = settings.PORTATLAS_HOST_ID

    answer = admin_client.post(REQUEST, {"project": "shop", "within": "20000-32000"}, JSON)

    [given] = answer.json()["reservations"]
    assert (given["host_id"], given["protocol"]) == (here, "tcp")
    assert not binding.is_taken("tcp", given["port"])


def test_all_are_given_or_none(request_ports, booked):
    booked(9001)

    answer = request_ports(count=3, within="9000-9002")

    few = "only 2 are in 9000-9002 (1 reserved). Say another range, or ask for fewer."
    assert problem(answer) == (409, "none-free", f"3 free ports were asked for; {few}")
    assert Reservation.objects.count() == 1


@pytest.mark.parametrize(
    ("asked", "where", "code"),
    [
        ({"count": 0}, "#/count", None),
        ({"count": services.MOST + 1}, "#/count", None),
        ({"count": "3"}, "#/count", None),
        ({"count": True}, "#/count", None),
        ({"within": "9000"}, "#/within", None),
        ({"within": "9000-9001\n"}, "#/within", None),
        ({"within": 9000}, "#/within", None),
        ({"within": "9001-9000"}, "#/within", "range"),
        ({"within": "1-65536"}, "#/within", "range"),
        ({"near": 65536}, "#/near", None),
        ({"adjacent": "yes"}, "#/adjacent", None),
        ({"even_if_held": True}, "#/even_if_held", None),
        ({"port": 80}, "#/port", None),
        ({"host_id": ""}, "#/host_id", None),
        ({"host_id": "x" * 65}, "#/host_id", None),
        ({"pid": 1}, "#/pid", "process"),
    ],
)
def test_what_cannot_be_asked_for_is_refused_by_its_place(asked, where, code, request_ports):
    answer = request_ports(**asked)

    [error] = answer.json()["errors"]
    assert (answer.status_code, error["pointer"], error.get("code")) == (400, where, code)


def test_many_take_as_many_statements_as_one(request_ports):
    request_ports()
    with CaptureQueriesContext(connection) as few:
        request_ports()

    with CaptureQueriesContext(connection) as many:
        answer = request_ports(count=20)

    assert (len(numbers(answer)), len(many)) == (20, len(few))


def test_who_may_write_and_not_read_is_told_what_he_was_given(admin_user, client):
    _token, secret = tokens.make(admin_user, name="CI", scopes=["reservations:write"], at=NOON)
    headers = {"authorization": f"Bearer {secret}"}

    answer = client.post(REQUEST, {"project": "shop", "host_id": "beta"}, JSON, headers=headers)

    assert (answer.status_code, numbers(answer)) == (201, [8000])


def test_a_port_that_nobody_has_is_free(check, db):
    assert check("beta/tcp/8080") == {
        "host_id": "beta",
        "protocol": "tcp",
        "port": 8080,
        "is_free": True,
        "status": "free",
        "reservation": None,
        "listener": None,
        "refusal": "",
        "obstacles": [],
        "nearest": None,
    }


def test_of_a_port_that_is_taken_it_is_told_by_whom_and_which_is_the_nearest(
    check, booked, open_port, admin_client
):
    open_port(8080, host_id="beta", process_name="node", current_pid=7)
    booked()

    found = check("beta/tcp/8080")

    assert (found["is_free"], found["status"], found["nearest"]) == (False, "in-use", 8081)
    assert found["reservation"] == admin_client.get(f"{ALL}beta/tcp/8080/").json()
    assert found["listener"] | {"process_name": "node", "pid": 7} == found["listener"]
    assert found["obstacles"] == ["in use"]


def test_a_project_may_have_its_own(check, booked):
    booked()

    found = check("beta/tcp/8080", project="shop")

    assert (found["is_free"], found["status"], found["nearest"]) == (True, "reserved", None)


def test_what_only_speaks_against_giving_a_port_away_leaves_it_free(check, write_note):
    write_note(8080, host_id="beta")

    found = check("beta/tcp/8080")

    assert (found["is_free"], found["obstacles"], found["nearest"]) == (True, ["noted"], 8081)


def test_a_rule_is_told_that_is_against_it(check, db):
    AllocationRule.objects.create(project="shop", first=8080, last=8089)

    blog, shop = (check("beta/tcp/8080", project=project) for project in ("blog", "shop"))

    assert (blog["is_free"], blog["nearest"]) == (False, 8079)
    assert blog["refusal"] == "8080/tcp belongs to project shop, which has 8080-8089."
    assert (shop["is_free"], shop["refusal"]) == (True, "")


@pytest.mark.parametrize("project", ["/", "é", "a" * 101])
def test_what_no_project_can_be_called_is_refused(project, admin_client):
    answer = admin_client.get(f"{ALL}check/beta/tcp/8080/", {"project": project})

    assert problem(answer)[:2] == (400, "invalid")


def test_a_port_that_is_bound_here_is_not_free(check, settings, db):
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        found = check(f"{settings.PORTATLAS_HOST_ID}/tcp/{bound.getsockname()[1]}")

    assert (found["is_free"], found["status"]) == (False, "free")


def test_a_check_takes_as_many_statements_whatever_there_is(admin_client, booked, open_port):
    booked(8080)
    where = f"{ALL}check/beta/tcp/8080/"
    admin_client.get(where)
    with CaptureQueriesContext(connection) as few:
        admin_client.get(where)
    for port in range(8081, 8089):
        open_port(port, host_id="beta")
        booked(port + 10)

    with CaptureQueriesContext(connection) as many:
        admin_client.get(where)

    assert len(many) == len(few)


def test_history_is_told_the_newest_first(admin_client, booked, time_machine):
    booked(tags=["web"])
    time_machine.move_to(NOON + timedelta(minutes=1), tick=False)
    admin_client.delete(f"{ALL}beta/tcp/8080/")

    released, reserved = admin_client.get(HISTORY).json()["results"]

    line = {"host_id": "beta", "protocol": "tcp", "port": 8080, "project": "shop", "seen_on": ""}
    assert released == line | {
        "id": released["id"],
        "action": "released",
        "at": "2026-01-01T12:01:00Z",
        "performed_by": "admin",
        "details": {},
    }
    assert (reserved["action"], reserved["performed_by"]) == ("reserved", "alice")


@pytest.mark.parametrize(
    ("asked", "ports"),
    [
        ("host_id=beta", [8081, 8080]),
        ("protocol=udp", []),
        ("port=8080", [8080]),
        ("project=blog", [8082]),
        ("action=released", []),
        ("action=reserved&host_id=*", [8082]),
        ("since=2026-01-01T12:02", [8082]),
        ("before=2026-01-01T12:02", [8081, 8080]),
        ("after=0", [8080, 8081, 8082]),
    ],
)
def test_history_is_of_what_is_asked_for(asked, ports, admin_client, booked, time_machine):
    for minute, what in enumerate(
        [(8080, "beta", "shop"), (8081, "beta", "shop"), (8082, "*", "blog")]
    ):
        time_machine.move_to(NOON + timedelta(minutes=minute), tick=False)
        booked(*what)

    answer = admin_client.get(f"{HISTORY}?{asked}")

    assert [row["port"] for row in answer.json()["results"]] == ports


def test_pages_of_history_have_each_line_once(admin_client, booked):
    for port in range(8080, 8085):
        booked(port)

    seen, link = [], f"{HISTORY}?limit=2"
    while link:
        page = admin_client.get(link).json()
        seen += [row["port"] for row in page["results"]]
        link = page["next"]

    assert seen == [8084, 8083, 8082, 8081, 8080]


def test_history_takes_one_statement_for_whatever_there_is(admin_client, booked):
    booked()
    with CaptureQueriesContext(connection) as few:
        admin_client.get(HISTORY)
    for port in range(8081, 8090):
        booked(port)

    with CaptureQueriesContext(connection) as many:
        rows = admin_client.get(HISTORY).json()["results"]

    assert (len(rows), len(many)) == (10, len(few))


def test_history_that_is_the_same_is_not_told_again(admin_client, booked):
    booked()
    tag = admin_client.get(HISTORY)["ETag"]

    same = admin_client.get(HISTORY, headers={"if-none-match": tag})
    ReservationEvent.objects.create(host_id="beta", port=1, action="freed", at=NOON)
    other = admin_client.get(HISTORY, headers={"if-none-match": tag})

    assert (same.status_code, other.status_code) == (304, 200)


def test_the_summary_counts_by_status_and_by_project(admin_client, booked, open_port):
    open_port(8080, host_id="beta", process_name="nginx", owner_state="known")
    open_port(8081, host_id="beta")
    booked(8080, process_name="node")
    booked(8081)
    booked(8082, project="blog")

    found = admin_client.get(SUMMARY).json()

    assert found == {
        "ports": 3,
        "active": 2,
        "by_status": {"violated": 1, "in-use": 1, "stale": 0, "reserved": 1},
        "project_count": 2,
        "projects": [
            {
                "project": "shop",
                "ports": 2,
                "active": 2,
                "by_status": {"violated": 1, "in-use": 1, "stale": 0, "reserved": 0},
            },
            {
                "project": "blog",
                "ports": 1,
                "active": 0,
                "by_status": {"violated": 0, "in-use": 0, "stale": 0, "reserved": 1},
            },
        ],
    }


def test_the_summary_names_the_largest_projects(admin_client, booked, monkeypatch):
    monkeypatch.setattr(reservation_summary, "MOST", 1)
    booked(8080, project="blog")
    booked(8081)
    booked(8082)

    found = admin_client.get(SUMMARY).json()

    assert [each["project"] for each in found["projects"]] == ["shop"]
    assert (found["project_count"], found["ports"]) == (2, 3)


def test_the_summary_takes_as_many_statements_for_many_projects_as_for_one(admin_client, booked):
    booked()
    admin_client.get(SUMMARY)
    with CaptureQueriesContext(connection) as few:
        admin_client.get(SUMMARY)
    for port in range(8081, 8090):
        booked(port, project=f"shop-{port}")

    with CaptureQueriesContext(connection) as many:
        found = admin_client.get(SUMMARY).json()

    assert (found["project_count"], len(many)) == (10, len(few))
