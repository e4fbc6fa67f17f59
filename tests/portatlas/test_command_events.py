"""`events` as people and scripts run it."""

import json
import os
import signal
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest
import time_machine
from django.core.management import CommandError, call_command

from collector.models import PortEvent
from portatlas.terminal.exits import Exit
from portatlas.terminal.tail import OVERLAP, Tail, last_id
from tests.conftest import NOON
from tests.portatlas.command import run

CHECKOUT = Path(__file__).resolve().parents[2]
PATIENCE = 60  # seconds until a test gives up; none waits that long when all is well


@pytest.fixture
def events(capsys):
    """Return a function that runs `events` at noon and returns what it printed and how it ended."""

    def events(*arguments):
        with time_machine.travel(NOON, tick=False):
            return run(capsys, "events", *arguments)

    return events


@pytest.fixture
def happen():
    """Return a function that records an event of a port, so many hours before noon."""

    def happen(port, hours=1, event_type="appeared", **fields):
        at = NOON - timedelta(hours=hours)
        return PortEvent.objects.create(
            port_runtime=port, event_type=event_type, timestamp=at, **fields
        )

    return happen


def test_events_are_told_one_a_line_the_oldest_first(events, open_port, happen):
    port = open_port(8080, process_name="nginx")
    happen(port, 1, "disappeared")
    happen(port, 3, pid=7, cause="boot")
    happen(port, 2, "rebound", changes={"program": ["apache2", "nginx"], "current_pid": [7, 8]})

    out, err, code = events()

    assert out.splitlines() == [
        "2026-01-01 09:00:00  appeared     8080/tcp   atlas  nginx, pid 7, after a reboot",
        (
            "2026-01-01 10:00:00  rebound      8080/tcp   atlas  taken over by nginx, nginx, "
            "program apache2 → nginx, pid 7 → 8"
        ),
        "2026-01-01 11:00:00  disappeared  8080/tcp   atlas  nginx",
    ]
    assert (err, code) == ("", Exit.DONE)


@pytest.mark.parametrize(
    ("arguments", "hours"),
    [
        ([], [23, 3, 2, 1]),
        (["--since", "150min"], [2, 1]),
        (["--since", "2026-01-01T09:00"], [3, 2, 1]),
        (["--since", "2026-01-01T10:00+01:00", "--until", "2026-01-01T10:00Z"], [3]),
        (["--since", "2d", "--until", "1d"], [25]),
        (["--type", "appeared"], [23]),
        (["--type", "appeared", "--type", "alive"], [23, 4]),
        (["--host", "db-1"], [1]),
        (["--port", "22"], [23, 1]),
        (["--port", "db-1:22"], [1]),
        (["--port", "53/udp"], [3, 2]),
        (["--clients", "--since", "1h"], [1, 0]),
    ],
)
def test_events_can_be_chosen(arguments, hours, events, open_port, happen):
    port = open_port(22)
    happen(port, 25)
    happen(port, 23)
    happen(port, 4, "alive")
    of_udp = open_port(53, protocol="udp")
    happen(of_udp, 3, "disappeared")
    happen(of_udp, 2, "rebound")
    happen(open_port(22, host_id="db-1"), 1, "disappeared")
    happen(open_port(40000, protocol="udp", is_client=True, active_since=NOON), 0)

    out, _, code = events("--json", *arguments)

    told = [json.loads(line)["timestamp"] for line in out.splitlines()]
    assert told == [f"{NOON - timedelta(hours=each):%FT%TZ}" for each in hours]
    assert code == Exit.DONE


def test_json_is_one_object_a_line_each_as_the_api_says(events, open_port, happen, admin_client):
    port = open_port(22)
    for hours in (2, 1):
        happen(port, hours, pid=7, cause="boot", changes={"current_pid": [6, 7]})

    out, _, _ = events("--json")

    newest_first = admin_client.get("/api/v1/events/").json()["results"]
    assert [json.loads(line) for line in out.splitlines()] == newest_first[::-1]


@pytest.mark.parametrize("arguments", [[], ["--json"]])
def test_what_processes_chose_reaches_the_terminal_as_text(arguments, events, open_port, happen):
    evil = "evil\x1b]0;owned\x07\r\n\u202e"
    happen(open_port(22, process_name=evil), changes={"cmdline": [evil, "x"]})

    out, _, _ = events(*arguments)

    assert [each for each in out if not each.isprintable()] == ["\n"]


def test_no_event_has_a_code_of_its_own(events, db):
    assert events() == ("", "No event is as asked.\n", Exit.NOTHING)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--since", "yesterday"], "'yesterday' is no time: write a span like 90s"),
        (["--since", "999999w"], "'999999w' is before the calendar begins."),
        (["--since", "1h", "--until", "2h"], "--until is not after --since"),
        (["--port", "x"], "'x' is no port: write it as "),
        (["--follow", "--until", "1h"], "--follow has no end: "),
        (["--host", "a\x00"], "a\\x00 is no UTF-8 text."),
    ],
)
def test_wrong_usage_is_told_in_a_sentence(arguments, said, db):
    with pytest.raises(CommandError) as caught:
        call_command("events", *arguments)

    assert str(caught.value).startswith(said)
    assert caught.value.returncode == Exit.USAGE


@pytest.mark.parametrize("count", [1, 3])
def test_a_list_is_one_statement(count, events, open_port, happen, django_assert_num_queries):
    for number in range(count):
        happen(open_port(22 + number))

    with django_assert_num_queries(1):
        events()


def test_a_poll_is_one_statement_and_gives_each_event_once(
    open_port, happen, django_assert_num_queries
):
    port = open_port(22)
    happen(port)
    tail = Tail(PortEvent.objects.select_related("port_runtime"), last_id())
    new = [happen(port).pk for _ in range(3)]

    with django_assert_num_queries(1):
        given = [(event.pk, event.port_runtime.port) for event in tail.poll(0)]
    again = [list(tail.poll(clock)) for clock in (1, OVERLAP, 2 * OVERLAP)]

    assert (given, again) == ([(pk, 22) for pk in new], [[], [], []])


def test_an_event_that_is_committed_after_a_later_one_is_given_too(open_port, happen):
    """PostgreSQL numbers events when they are written, and shows them when they are committed."""
    port = open_port(22)
    late = happen(port)
    tail = Tail(PortEvent.objects.all(), late.pk - 1)
    late.delete()
    later = happen(port)
    first = [event.pk for event in tail.poll(0)]

    late.save(force_insert=True)
    second = [event.pk for event in tail.poll(OVERLAP - 1)]
    third = [event.pk for event in tail.poll(OVERLAP)]

    assert (first, second, third) == ([later.pk], [late.pk], [])


def test_what_is_remembered_of_a_tail_does_not_grow(open_port, happen):
    port = open_port(22)
    tail = Tail(PortEvent.objects.all(), last_id())

    for clock in range(5 * OVERLAP):
        happen(port)
        assert len(list(tail.poll(clock))) == 1

    assert (len(tail.given), len(tail.floors)) == (OVERLAP, OVERLAP + 1)


def heed_interrupts():
    """What a shell starts in the background would hand on that Ctrl-C means nothing."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


class Installation:
    """A database of its own, beside which processes of ours run."""

    def __init__(self, folder):
        self.env = os.environ | {"PORTATLAS_DATA": str(folder), "PORTATLAS_BOOTSTRAP": "off"}
        self.env.pop("DATABASE_URL", None)

    def start(self, *arguments):
        return subprocess.Popen(  # noqa: S603  # our own file
            [sys.executable, CHECKOUT / "manage.py", "events", *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=self.env,
            preexec_fn=heed_interrupts,  # noqa: PLW1509  # no threads here
        )

    def see(self, *ports):
        """Let a host be seen to listen on some ports."""
        rows = [f"tcp LISTEN 0 128 0.0.0.0:{port} 0.0.0.0:* ino:{port} sk:{port}" for port in ports]
        subprocess.run(  # noqa: S603  # our own file
            [sys.executable, CHECKOUT / "manage.py", "collect", "--from", "-", "--host", "atlas"],
            env=self.env,
            check=True,
            capture_output=True,
            input="\n".join(rows) + "\n",
            text=True,
        )


def next_event(process):
    event = json.loads(process.stdout.readline())
    return event["event_type"], event["port"]


def end(process, number):
    process.send_signal(number)
    out, err = process.communicate(timeout=PATIENCE)
    return out, err, process.returncode


def end_of_reader(process):
    """Read no more; return how the process ended by itself."""
    process.stdout.close()
    code = process.wait(PATIENCE)
    said = process.stderr.read()
    process.stderr.close()
    return code, said


@pytest.fixture
def installation(tmp_path, new_database):
    new_database(tmp_path)
    return Installation(tmp_path)


def test_new_events_are_followed_until_somebody_stops_it(installation):
    following = [installation.start("--follow", "--json", "--since", "1h") for _ in range(2)]

    installation.see(22)
    first = [next_event(process) for process in following]
    installation.see(22, 80)
    second = [next_event(process) for process in following]
    ends = [
        end(process, number)
        for process, number in zip(following, (signal.SIGINT, signal.SIGTERM), strict=True)
    ]

    assert (first, second) == ([("appeared", 22)] * 2, [("appeared", 80)] * 2)
    assert ends == [("", "", Exit.DONE)] * 2


def test_a_reader_that_has_gone_ends_it_though_nothing_happens(installation):
    following = installation.start("--follow")

    assert end_of_reader(following) == (Exit.DONE, "")


def test_a_reader_that_has_seen_enough_gets_no_traceback(installation):
    installation.see(*range(1, 3000))
    listing = installation.start()

    first = listing.stdout.readline()

    assert "appeared" in first
    assert end_of_reader(listing) == (Exit.DONE, "")
