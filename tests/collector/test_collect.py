"""The command and the task, on this machine's real ports and on saved output."""

import json
import socket
import subprocess
import sys
import time
from io import StringIO
from pathlib import Path

import pytest
from django.conf import settings
from django.core.management import CommandError, call_command

from collector import tasks
from collector.lock import sweep_lock
from collector.models import Host, PortEvent, PortRuntime

pytestmark = pytest.mark.django_db

SAVED = Path(__file__).parent.parent / "data" / "ss" / "debian12-6.1.0.lntupHe.txt"


def collect(*arguments):
    out = StringIO()
    call_command("collect", *arguments, stdout=out)
    return out.getvalue()


@pytest.fixture
def serve():
    """Return a function that starts a web server on a port and waits until it listens."""
    processes = []

    def serve(port):
        process = subprocess.Popen(  # noqa: S603  # our own interpreter
            [sys.executable, "-m", "http.server", str(port), "--bind", "127.0.0.1"],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        processes.append(process)
        while process.poll() is None:
            with socket.socket() as probe:
                if not probe.connect_ex(("127.0.0.1", port)):
                    return process
            time.sleep(0.02)
        raise AssertionError("The web server did not start.")

    yield serve
    for process in processes:
        process.kill()
        process.wait()


@pytest.fixture
def free_port():
    with socket.create_server(("127.0.0.1", 0)) as server:
        return server.getsockname()[1]


def test_a_service_appears_disappears_and_returns_as_the_same_row(serve, free_port):
    process = serve(free_port)
    collect()
    row = PortRuntime.objects.get(port=free_port, protocol="tcp")
    assert (row.current_state, row.current_pid) == ("active", process.pid)
    assert f"http.server {free_port}" in row.cmdline
    born = row.first_seen_at

    process.kill()
    process.wait()
    collect()
    row.refresh_from_db()
    assert row.current_state == "disappeared"

    serve(free_port)
    collect()
    row.refresh_from_db()
    assert (row.current_state, row.first_seen_at) == ("active", born)
    assert list(row.events.order_by("pk").values_list("event_type", flat=True)) == [
        "appeared",
        "disappeared",
        "appeared",
    ]


def test_the_task_does_what_the_command_does(serve, free_port, settings):
    serve(free_port)

    tasks.collect()

    host = Host.objects.get()
    assert (host.host_id, host.verdict) == (settings.PORTATLAS_HOST_ID, "complete")
    assert host.sweep_interval == 15
    assert PortRuntime.objects.filter(port=free_port, current_state="active").count() == 1


def test_json_has_the_documented_shape(serve, free_port):
    serve(free_port)

    sweep = json.loads(collect("--json"))

    assert sweep["host_id"] == Host.objects.get().host_id
    assert (sweep["verdict"], sweep["reason"]) == ("complete", "")
    [port] = [each for each in sweep["listeners"] if each["port"] == free_port]
    assert set(port) == {
        "protocol",
        "port",
        "process_name",
        "pids",
        "cmdline",
        "exe",
        "exe_is_deleted",
        "process_started_at",
        "ancestors",
        "user",
        "role",
        "unit",
        "socket_unit",
        "container",
        "container_name",
        "image",
        "compose_service",
        "well_known",
        "owner_state",
        "scope",
        "is_client",
        "endpoints",
    }
    assert set(port["endpoints"][0]) == {
        "address",
        "device",
        "scope",
        "backlog",
        "limit",
        "cookie",
        "inode",
        "family",
        "pid",
        "process_name",
    }


def test_a_dry_run_records_nothing(serve, free_port):
    serve(free_port)

    said = collect("--dry-run", "--json")

    assert free_port in [each["port"] for each in json.loads(said)["listeners"]]
    assert Host.objects.count() == 0


def test_saved_output_of_another_machine_is_recorded_under_its_name():
    collect("--from", str(SAVED), "--host", "old-server")

    ports = PortRuntime.objects.filter(host="old-server", protocol="tcp")
    assert ports.get(port=2024).owner_state == "outside_view"
    assert ports.get(port=23206).endpoints[2]["address"] == "0.0.0.0"  # what ss prints
    assert set(PortEvent.objects.values_list("event_type", "cause")) == {
        ("appeared", "first_sweep")
    }


def test_ports_that_are_all_gone_at_once_are_believed_gone_at_the_second_look(open_port):
    """The real machine has none of them: both looks say so, and psutil too."""
    name = settings.PORTATLAS_HOST_ID
    ports = [open_port(port, host_id=name) for port in range(1, 40)]

    collect()

    gone = PortRuntime.objects.filter(pk__in=[each.pk for each in ports])
    assert {each.current_state for each in gone} == {"disappeared"}


def test_an_empty_listing_is_not_believed_while_psutil_sees_ports(serve, free_port, fake_ss):
    """N56: however often ss says so."""
    serve(free_port)
    collect()
    before = PortRuntime.objects.filter(current_state="active").count()
    fake_ss("exit 0")

    with pytest.raises(CommandError, match="can't be believed"):
        collect()

    assert PortRuntime.objects.filter(current_state="active").count() == before > 0


def test_two_looks_that_differ_change_nothing(serve, free_port, fake_ss, tmp_path):
    serve(free_port)
    collect()
    before = PortRuntime.objects.filter(current_state="active").count()
    fake_ss(f"[ -e {tmp_path}/seen ] && exit 1; : > {tmp_path}/seen")

    with pytest.raises(CommandError, match="can't be believed"):
        collect()

    assert PortRuntime.objects.filter(current_state="active").count() == before
    assert Host.objects.get().reason == "ss ended with code 1: it said nothing"


def test_poor_saved_output_is_believed_only_when_confirmed(tmp_path):
    collect("--from", str(SAVED), "--host", "old-server")
    poor = tmp_path / "poor.txt"
    poor.write_text("tcp LISTEN 0 5 127.0.0.1:23100 0.0.0.0:*\n")

    with pytest.raises(CommandError, match="can't be believed"):
        collect("--from", str(poor), "--host", "old-server")
    refused = PortRuntime.objects.filter(current_state="active").count()
    collect("--from", str(poor), "--host", "old-server", "--confirm")

    assert refused > 20
    assert PortRuntime.objects.get(current_state="active").port == 23100


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--from", "x"], "go together"),
        (["--host", "x"], "go together"),
        (["--from", "", "--host", ""], "go together"),
        (["--from", "/dev/null", "--host", "x"], "can't be believed"),
        (["--confirm"], "is for --from"),
        (["--from", "/nowhere", "--host", "x"], "can't be read: No such file"),
        (["--from", __file__, "--host", "x"], "is no output of ss"),
        (["--from", str(SAVED), "--host", "*"], "can't be the name of a host"),
    ],
)
def test_a_wrong_call_is_explained_and_records_nothing(arguments, said):
    with pytest.raises(CommandError, match=said):
        collect(*arguments)

    assert Host.objects.count() == 0


def test_a_second_sweep_at_the_same_time_is_refused(settings):
    with sweep_lock(settings.DATA_DIR), pytest.raises(CommandError, match="already running"):
        collect()


def test_the_task_lets_a_running_sweep_finish(settings):
    with sweep_lock(settings.DATA_DIR):
        tasks.collect()

    assert Host.objects.count() == 0
