"""`port preflight`: what is in the way of a compose file."""

import json
import socket
from functools import partial

import pytest

from portatlas.contexts.reservations.models import AllocationRule, Reservation
from portatlas.contexts.reservations.services import Actor
from portatlas.reserving import preflight
from portatlas.terminal.exits import Exit
from tests.conftest import NOON
from tests.notes.drafted import DATA
from tests.portatlas.command import run

ME = Actor("me")


@pytest.fixture
def reserve(db):
    def reserve(port, project, host_id="atlas", **fields):
        values = {"protocol": "tcp", "reserved_at": NOON} | fields
        Reservation.objects.create(host_id=host_id, port=port, project=project, **values)

    return reserve


@pytest.fixture
def found(add_host):
    """Return a function that tells what is in the way of some services on atlas."""
    add_host("atlas")

    def found(services, *, here="elsewhere", project="", by=ME):
        plan = preflight.read(f"services: {services}", "atlas", folder="Shop", project=project)
        conflicts = preflight.conflicts(plan, here=here, by=by, at=NOON)
        told = [(each.wish.service, each.wish.port.port, each.why.value) for each in conflicts]
        return told, [remark.text for remark in plan.remarks]

    return found


def endpoints(*addresses, family="v4"):
    return {"endpoints": [{"address": address, "family": family} for address in addresses]}


def test_nothing_is_in_the_way_where_nobody_has_the_ports(found):
    assert found("{web: {ports: ['8080:80', '8081:81/udp']}}") == ([], [])


def test_what_listens_there_is_in_the_way_if_it_is_in_the_same_place(found, open_port):
    open_port(8080)
    open_port(8081, **endpoints("127.0.0.1"))
    open_port(8082, **endpoints("::", family="dual"))
    open_port(8083, **endpoints("::", family="v6"))
    open_port(8084, protocol="udp")
    open_port(8085, gone=True)
    open_port(8086, host_id="other")

    told, _ = found(
        "{web: {ports: ['127.0.0.1:8080:1', '10.0.0.1:8081:1', '0.0.0.0:8082:1', "
        "'0.0.0.0:8083:1', '8084:1', '8085:1', '8086:1']}}"
    )

    assert told == [("web", 8080, "held"), ("web", 8082, "held")]


@pytest.mark.parametrize(
    ("service", "is_own"),
    [("shop/web", True), ("shop/old", True), ("other/web", False), ("", False)],
)
def test_what_its_own_containers_hold_is_not_in_the_way(found, open_port, service, is_own):
    open_port(8080, compose_service=service)

    told, _ = found("{web: {ports: ['8080:80']}}")

    assert told == ([] if is_own else [("web", 8080, "held")])


def test_what_another_project_has_reserved_is_in_the_way(found, reserve):
    reserve(8080, "other")
    reserve(8081, "other", host_id="*")
    reserve(8082, "shop")
    reserve(8083, "other", expires_at=NOON)
    reserve(8084, "other", protocol="udp")
    reserve(8085, "other", host_id="elsewhere")

    told, _ = found("{web: {ports: ['8080-8085:1-6']}}")

    assert told == [("web", 8080, "reserved"), ("web", 8081, "reserved")]


def test_whose_reservations_are_its_own_can_be_said(found, reserve):
    reserve(8080, "team")

    told, _ = found("{web: {ports: ['8080:80']}}", project="team")

    assert told == []


def test_what_the_rules_give_to_others_is_in_the_way(found):
    AllocationRule.objects.create(project="other", first=8080, last=8089)

    told, _ = found("{web: {ports: ['8080:80', '8090:80']}}")

    assert told == [("web", 8080, "rule")]


@pytest.mark.django_db
def test_what_is_published_twice_is_in_its_own_way(found):
    told, _ = found(
        "{a: {ports: ['8080:1', '127.0.0.1:8081:1', '8082:1/udp']},"
        " b: {ports: ['10.0.0.1:8080:1', '127.0.0.2:8081:1', '8082:1']},"
        " c: {ports: ['8083:1'], profiles: [x]}, d: {ports: ['8083:1'], profiles: [y]},"
        " e: {ports: ['8083:1']}}"
    )

    assert told == [("b", 8080, "twice"), ("e", 8083, "twice")]


def test_on_this_machine_it_is_tried_whether_they_can_be_bound(found):
    """What is bound and does not listen is in no list; what has just ended is in nobody's way."""
    with socket.socket() as bound, socket.create_server(("127.0.0.1", 0)) as server:
        bound.bind(("127.0.0.1", 0))
        taken = bound.getsockname()[1]
        with socket.create_connection(server.getsockname()) as client:
            server.accept()[0].close()  # which waits for its last minute to pass
            ended = server.getsockname()[1]
            server.close()
            client.close()
        services = f"{{web: {{ports: ['{taken}:1', '{ended}:1', '192.0.2.1:9:1']}}}}"

        here, elsewhere = found(services, here="atlas"), found(services)

    assert here == (
        [("web", taken, "bound")],
        ["192.0.2.1 is none of the addresses that atlas has now."],
    )
    assert elsewhere == ([], [])


@pytest.mark.parametrize("address", ["example.invalid", "x" * 300, "é..é"])
def test_a_name_in_place_of_an_address_is_not_looked_up(found, monkeypatch, address):
    monkeypatch.setattr(preflight.binding, "obstacle", None)  # which the kernel would ask for it

    told, [remark] = found(f"{{web: {{ports: ['{address}:8080:1']}}}}", here="atlas")

    assert (told, remark) == ([], f"web: {address[:60]} is no address.")


@pytest.mark.django_db
def test_what_cant_be_told_is_remarked_and_no_conflict():
    plan = preflight.read((DATA / "compose.yaml").read_text(), "nowhere", folder="x")

    found = preflight.conflicts(plan, here="elsewhere", by=ME, at=NOON)

    assert (plan.project, len(plan.wishes), found) == ("stack", 10, [])
    texts = [remark.text for remark in plan.remarks]
    assert "unclear: PORT has no default." in texts
    assert "host is on the network of the host: its ports aren't told here." in texts
    assert texts[-1] == (
        "No look at nowhere was ever recorded, so nobody knows what listens there."
    )


@pytest.mark.parametrize("services", [3, 300])
def test_it_takes_four_statements_whatever_it_publishes(
    services, add_host, reserve, django_assert_num_queries
):
    add_host("atlas")
    reserve(8001, "other")
    ports = ", ".join(f"s{n}: {{ports: ['{8000 + n}:1']}}" for n in range(services))
    plan = preflight.read(f"services: {{{ports}}}", "atlas", folder="x")

    with django_assert_num_queries(4):
        found = preflight.conflicts(plan, here="elsewhere", by=ME, at=NOON)

    assert len(found) == 1


def test_more_ports_than_anybody_publishes_are_refused(monkeypatch):
    monkeypatch.setattr(preflight, "MOST", 3)

    with pytest.raises(preflight.BadFileError, match="more than 3 ports"):
        preflight.read("services: {a: {ports: ['1-4:1-4']}}", "atlas", folder="x")


@pytest.fixture
def port_preflight(settings, capsys, add_host):
    settings.PORTATLAS_HOST_ID = "here"
    add_host("atlas", sweep_interval=0)
    return partial(run, capsys, "port", "preflight")


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "compose.yaml"
    path.write_text("name: shop\nservices:\n  web:\n    ports: ['8080:80', '$X:1', '8081:81']\n")
    return str(path)


def test_conflicts_are_named_and_end_it_with_five(port_preflight, file, reserve, open_port):
    reserve(8081, "other")
    open_port(8080, current_pid=7, unit="nginx.service")

    out, err, code = port_preflight(file, "--host", "atlas")

    assert out.splitlines() == [
        "line 4: web: 8080/tcp on atlas is held by sshd (PID 7), which belongs to nginx.service.",
        "line 4: web: 8081/tcp on atlas is reserved by other since 2026-01-01 12:00.",
    ]
    assert (err, code) == ("2 conflicts for 2 ports of shop on atlas.", Exit.REFUSED)


def test_they_are_told_as_json(port_preflight, file, reserve):
    reserve(8081, "other")

    out, _, code = port_preflight(file, "--host", "atlas", "--json")

    assert code == Exit.REFUSED
    assert json.loads(out) == {
        "host_id": "atlas",
        "project": "shop",
        "ports": 2,
        "conflicts": [
            {
                "line": 4,
                "service": "web",
                "address": "",
                "protocol": "tcp",
                "port": 8081,
                "why": "reserved",
                "text": "line 4: web: 8081/tcp on atlas is reserved by other since "
                "2026-01-01 12:00.",
            }
        ],
        "remarks": [{"line": 4, "text": "web: X has no default."}],
    }


def test_without_a_conflict_it_ends_with_zero(port_preflight, file):
    out, err, code = port_preflight(file, "--host", "atlas")

    assert (out, code) == ("Nothing is in the way of 2 ports of shop on atlas.\n", Exit.DONE)
    assert err == "line 4: web: X has no default.\n"


@pytest.mark.parametrize(
    ("name", "why"),
    [("none.yaml", "can't be read: No such file"), ("bad.yaml", "This is no compose file")],
)
def test_what_is_no_compose_file_is_wrong_usage(port_preflight, tmp_path, name, why):
    (tmp_path / "bad.yaml").write_text("a: 1")

    _, err, code = port_preflight(str(tmp_path / name))

    assert code == Exit.USAGE
    assert why in err
