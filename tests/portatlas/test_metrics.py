"""What Prometheus scrapes: every number, what it costs, and who may."""

import socket
import subprocess
import time
from datetime import timedelta

import pytest
import time_machine
from celery import Celery
from django.utils import timezone
from prometheus_client.openmetrics.parser import text_string_to_metric_families as read_openmetrics
from prometheus_client.parser import text_string_to_metric_families as read_text

from collector.models import Host
from portatlas.metrics import queues, reading
from portatlas.notifications.models import Delivery
from portatlas.tokens.services import make
from tests.conftest import NOON
from tests.portatlas.bookings import reserved
from tests.tools import require

OPENMETRICS = "application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.3"


@pytest.fixture
def clock():
    with time_machine.travel(NOON, tick=False) as clock:
        yield clock


@pytest.fixture
def scrape(admin_client):
    """Return a function that scrapes, and reads a number by its name and labels."""

    def scrape():
        response = admin_client.get("/metrics")
        assert response.status_code == 200
        return {
            (sample.name, *sample.labels.values()): sample.value
            for family in read_text(response.text)
            for sample in family.samples
        }

    return scrape


def test_ports_are_counted_by_host_and_state(scrape, clock, open_port, write_note):
    open_port(22)
    open_port(80)
    open_port(443, gone=True)
    open_port(22, host_id="web-1")
    write_note(22, risk_level="trusted")

    found = scrape()

    counts = {key[1:]: n for key, n in found.items() if key[0] == "portatlas_ports" and n}
    assert counts == {
        ("atlas", "healthy"): 1,
        ("atlas", "unnoted"): 1,
        ("atlas", "gone"): 1,
        ("web-1", "unnoted"): 1,
    }
    assert found["portatlas_ports", "web-1", "healthy"] == 0
    assert found["portatlas_listening_ports", "atlas"] == 2


def test_clients_are_counted_apart(scrape, clock, open_port):
    open_port(22)
    open_port(40000, protocol="udp", is_client=True, active_since=NOON)

    found = scrape()

    assert found["portatlas_port_clients", "atlas"] == 1
    assert found["portatlas_listening_ports", "atlas"] == 1


def test_what_the_ports_of_a_silent_host_do_is_unknown(scrape, clock, open_port, write_note):
    open_port(22)
    open_port(443, gone=True)
    write_note(22, risk_level="trusted")
    open_port(22, host_id="web-1")
    Host.objects.filter(pk="web-1").update(last_look_at=NOON + timedelta(minutes=1))

    clock.shift(timedelta(minutes=1))
    found = scrape()

    counts = {key[1:]: n for key, n in found.items() if key[0] == "portatlas_ports" and n}
    assert counts == {("atlas", "unknown"): 2, ("web-1", "unnoted"): 1}
    silent = {key[1]: n for key, n in found.items() if key[0] == "portatlas_host_silent"}
    assert silent == {"atlas": 1, "web-1": 0}
    listening = {key[1]: n for key, n in found.items() if key[0] == "portatlas_listening_ports"}
    assert listening == {"web-1": 1}


def test_a_host_tells_how_it_is_looked_at(scrape, add_host):
    looked_at = NOON + timedelta(minutes=1)
    add_host(last_look_at=looked_at, duration=0.25, sweep_interval=30, verdict="partial")
    add_host("new", last_sweep_at=None, refused_at=NOON, event_source="ebpf")

    found = scrape()

    noon = NOON.timestamp()
    assert found["portatlas_host_last_look_timestamp_seconds", "atlas"] == noon + 60
    assert found["portatlas_host_last_sweep_timestamp_seconds", "atlas"] == noon
    assert found["portatlas_host_last_sweep_timestamp_seconds", "new"] == 0
    assert found["portatlas_host_sweep_duration_seconds", "atlas"] == 0.25
    assert found["portatlas_host_sweep_interval_seconds", "atlas"] == 30
    assert found["portatlas_host_refused_look_timestamp_seconds", "atlas"] == 0
    assert found["portatlas_host_refused_look_timestamp_seconds", "new"] == noon
    assert found["portatlas_host_event_source", "atlas"] == 0
    assert found["portatlas_host_event_source", "new"] == 1
    verdicts = ("complete", "partial", "suspect", "failed")
    of_atlas = [found["portatlas_host_verdict", "atlas", verdict] for verdict in verdicts]
    assert of_atlas == [0, 1, 0, 0]


def test_notes_are_counted_by_their_risk(scrape, write_note):
    write_note(22, risk_level="trusted")
    write_note(80, host_id="*", risk_level="trusted")
    write_note(81, risk_level="suspicious")

    found = scrape()

    risks = {key[1]: n for key, n in found.items() if key[0] == "portatlas_notes"}
    assert risks == {"trusted": 2, "expected": 0, "suspicious": 1}


def test_deliveries_of_notifications_are_counted_by_their_status(scrape, db):
    common = {"channel_name": "phone", "created_at": NOON, "ready_at": NOON}
    for status in ("queued", "given_up", "given_up"):
        Delivery.objects.create(status=status, **common)

    found = scrape()

    name = "portatlas_notification_deliveries"
    statuses = {key[1]: n for key, n in found.items() if key[0] == name}
    assert statuses == {"queued": 1, "claimed": 0, "delivered": 0, "given_up": 2}


def test_the_database_the_queue_and_the_build_are_told(scrape, db):
    found = scrape()

    assert found["portatlas_database_size_bytes",] > 4096
    assert found["portatlas_queue_up",] == 1
    [build] = [key for key in found if key[0] == "portatlas_build_info"]
    assert found[build] == 1


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return probe.getsockname()[1]


@pytest.fixture
def files(tmp_path):
    """A queue in files, as `up` has it."""
    app = Celery("files", broker="files://", set_as_current=False)
    app.conf.broker_transport_options = {"folder": str(tmp_path / "queue")}
    return app


@pytest.fixture
def redis(tmp_path):
    """A queue in a Redis of our own."""
    port = free_port()
    command = [require("redis-server"), "--bind", "127.0.0.1", "--port", str(port), "--save", ""]
    with subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.DEVNULL) as server:  # noqa: S603  # the program found
        while server.poll() is None:
            with socket.socket() as attempt:
                if not attempt.connect_ex(("127.0.0.1", port)):
                    break
            time.sleep(0.05)
        yield Celery("redis", broker=f"redis://127.0.0.1:{port}/0", set_as_current=False)
        server.terminate()


@pytest.mark.parametrize("broker", ["files", "redis"])
def test_messages_that_wait_are_counted(broker, request):
    app = request.getfixturevalue(broker)
    empty = queues.depths(app)
    for _ in range(3):
        app.send_task("anything")

    assert (empty, queues.depths(app)) == ({"celery": 0}, {"celery": 3})


def test_a_broker_that_is_away_is_told_and_spoils_no_other_number(scrape, monkeypatch, db):
    away = Celery("away", broker=f"redis://127.0.0.1:{free_port()}/0", set_as_current=False)
    monkeypatch.setattr(reading, "app", away)

    found = scrape()

    assert found["portatlas_queue_up",] == 0
    assert [key for key in found if key[0] == "portatlas_queue_messages"] == []
    assert found["portatlas_notes", "trusted"] == 0


@pytest.mark.parametrize(
    ("accept", "content_type", "end"),
    [
        ("", "text/plain; version=0.0.4; charset=utf-8", ""),
        ("*/*", "text/plain; version=0.0.4; charset=utf-8", ""),
        ("image/png", "text/plain; version=0.0.4; charset=utf-8", ""),
        (OPENMETRICS, "application/openmetrics-text; version=1.0.0; charset=utf-8", "# EOF\n"),
        (
            "application/openmetrics-text;version=x\xff;escaping=y",
            "application/openmetrics-text; version=1.0.0; charset=utf-8",
            "# EOF\n",
        ),
    ],
)
def test_the_format_is_the_one_that_the_scraper_wants(accept, content_type, end, admin_client):
    response = admin_client.get("/metrics", headers={"accept": accept})

    assert (response.status_code, response["Content-Type"]) == (200, content_type)
    assert response.text.endswith(end)


def test_openmetrics_can_be_read(admin_client, open_port):
    open_port(22)

    text = admin_client.get("/metrics", headers={"accept": OPENMETRICS}).text

    names = [family.name for family in read_openmetrics(text)]
    assert names[:2] == ["portatlas_build", "portatlas_ports"]
    assert len(set(names)) == len(names)


def test_promtool_finds_nothing_to_say(admin_client, open_port):
    open_port(22)
    text = admin_client.get("/metrics").text

    found = subprocess.run(  # noqa: S603  # the program found
        [require("promtool"), "check", "metrics"],
        input=text,
        capture_output=True,
        text=True,
        check=False,
    )

    assert (found.returncode, found.stdout, found.stderr) == (0, "", "")


def test_reservations_are_counted_by_how_they_stand(scrape, clock, open_port):
    open_port(80)
    open_port(81)
    reserved(80)
    reserved(81, process_name="nginx")
    reserved(82)
    reserved(83, at=NOON - timedelta(days=31))
    reserved(84, expires_at=NOON)  # to be released within the minute

    found = scrape()

    assert {key[1]: n for key, n in found.items() if key[0] == "portatlas_reservations"} == {
        "violated": 1,
        "in-use": 1,
        "stale": 1,
        "reserved": 1,
    }


@pytest.mark.parametrize("count", [1, 3])
def test_the_number_of_statements_does_not_grow(
    count, admin_client, open_port, write_note, django_assert_num_queries
):
    for number in range(1000, 1000 + count):
        open_port(number)
        open_port(number, host_id=f"other-{number}")
        write_note(number)
        reserved(number)

    # Session, user; hosts, three counts of ports, notes, reservations, deliveries, the size of the
    # database.
    with django_assert_num_queries(10):
        admin_client.get("/metrics")


def test_a_scrape_tells_of_each_host_the_same_number_of_series(scrape, clock, open_port):
    for number in range(1000, 1020):
        open_port(number, process_name=f"worker-{number}")
    with_one = len(scrape())
    open_port(22, host_id="web-1")

    # States, verdicts; listening, clients, two times, duration, interval, refused, clock, silent,
    # event source.
    assert len(scrape()) - with_one == 8 + 4 + 10


@pytest.mark.parametrize(("scopes", "status"), [(["read"], 200), (["notes:write"], 403)])
def test_a_token_scrapes_if_it_may_read(scopes, status, client, admin_user):
    _, secret = make(admin_user, name="prometheus", scopes=scopes, at=timezone.now())

    response = client.get("/metrics", headers={"authorization": f"Bearer {secret}"})

    assert response.status_code == status


def test_nobody_else_scrapes(client, django_user_model, open_port):
    open_port(22)
    anonymous = client.get("/metrics")
    client.force_login(django_user_model.objects.create_user("guest"))

    assert (anonymous.status_code, client.get("/metrics").status_code) == (401, 403)
