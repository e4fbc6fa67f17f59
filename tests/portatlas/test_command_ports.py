"""`ports` as people and scripts run it."""

import csv
import io
import json
import os
import pty
import subprocess
import sys
from contextlib import suppress
from datetime import timedelta
from fcntl import ioctl
from pathlib import Path
from struct import pack
from termios import TIOCSWINSZ
from threading import Thread

import pytest
import time_machine
from django.core.management import CommandError, call_command
from rich.cells import cell_len
from rich.text import Text

from collector.models import Coverage, PortEvent, PortRuntime
from notes.models import EVERY_HOST
from notes.services import save
from portatlas.terminal.exits import Exit
from tests.conftest import NOON

CHECKOUT = Path(__file__).resolve().parents[2]
QUERIES = 7  # hosts, their news, three for the sentence, what of it is asked for, and the ports


@pytest.fixture(autouse=True)
def _at_noon():
    with time_machine.travel(NOON, tick=False):
        yield


@pytest.fixture
def ports(capsys):
    """Return a function that runs `ports` and returns what it printed and how it ended."""

    def ports(*arguments):
        try:
            call_command("ports", *arguments)
        except SystemExit as exc:
            code = exc.code
        else:
            code = Exit.DONE
        return *capsys.readouterr(), code

    return ports


def listed(out):
    """Return the first two columns of a table: the state and the port."""
    lines = out.split("\n\n")[1].splitlines()[1:]
    return [tuple(line.split()[1:3]) for line in lines]


def test_the_table_begins_with_the_sentence_and_has_the_most_urgent_first(
    ports, open_port, write_note
):
    open_port(22)
    open_port(80, process_name="nginx", scope="loopback")
    open_port(8080, gone=True)
    write_note(22, title="Shell", risk_level="trusted", owner="ops")
    write_note(8080, title="Shop", risk_level="expected")

    out, err, code = ports()

    assert out.splitlines() == [
        (
            "atlas: 2 ports listening: 1 you know, 1 you don't, none is unhealthy. "
            "1 expected port is missing. Last look 0 s ago."
        ),
        "",
        "state      port      what   process  open to     up        ask  why",
        (
            "○ ghost    8080/tcp  Shop   sshd     everywhere  gone 0 s       "
            "its note expects it, but it is gone"
        ),
        "? unnoted  80/tcp    nginx           itself      1 h            it has no note",
        (
            "✓ healthy  22/tcp    Shell  sshd     everywhere  1 h       ops  "
            "trusted, and up for an hour or more"
        ),
    ]
    assert (err, code) == ("", Exit.DONE)


def test_what_the_collector_could_not_see_stands_above_the_table(ports, open_port, add_host):
    add_host(verdict="partial", reason="12 rows could not be read.", owners_reason="Run as root.")
    open_port(22)

    out, err, _ = ports()
    machine, warned, _ = ports("--json")

    told = "The last look at atlas is partial: 12 rows could not be read.\natlas: Run as root.\n"
    assert told in out
    assert (err, warned, len(json.loads(machine))) == ("", told, 1)


def test_the_host_is_told_where_there_are_several(ports, open_port):
    open_port(22)
    open_port(22, host_id="db-1")

    out, _, _ = ports()

    assert out.startswith("2 hosts: 2 ports listening")
    assert [line.split()[2:4] for line in out.splitlines()[-2:]] == [
        ["22/tcp", "atlas"],
        ["22/tcp", "db-1"],
    ]


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["shell"], [22]),
        (["80"], [80]),
        (["--state", "unnoted"], [80]),
        (["--state", "unnoted", "--state", "healthy"], [22, 80]),
        (["--state", "gone"], [443]),
        (["--all"], [22, 80, 443]),
        (["--host", "db-1"], [5432]),
        (["--owner", "ops"], [22]),
        (["--tag", "ssh"], [22]),
        (["--stale"], [22]),
        (["--sort", "port", "--limit", "1"], [22]),
        (["--state", "unnoted", "--clients"], [80, 40000]),
    ],
)
def test_ports_can_be_chosen(arguments, expected, ports, open_port, write_note):
    open_port(22)
    open_port(80)
    open_port(443, gone=True)
    open_port(5432, host_id="db-1", owner_state="unknown")
    open_port(40000, protocol="udp", is_client=True, active_since=NOON)
    review = (NOON - timedelta(days=1)).date()
    note = {"title": "Shell", "risk_level": "trusted", "owner": "ops", "tags": ["ssh"]}
    write_note(22, review_by=review, **note)

    out, _, code = ports("--json", *arguments)

    found = sorted(port["port"] for port in json.loads(out))
    assert (set(expected) <= set(found), len(found) - len(expected), code) == (
        True,
        1 if arguments == ["--all"] else 0,  # the one of the other host
        Exit.DONE,
    )


def test_what_is_left_out_is_told_with_how_to_see_it(ports, open_port):
    for number in (22, 80):
        open_port(number)
    open_port(443, gone=True)
    open_port(40000, protocol="udp", is_client=True, active_since=NOON)

    out, _, _ = ports("--limit", "1")

    assert out.splitlines()[-1] == (
        "1 more port is as asked; --limit 2 lists them. 1 port is gone; --all lists them. "
        "1 client socket is left out; --clients lists them."
    )


def test_json_is_what_the_api_says(ports, open_port, write_note, admin_client):
    open_port(22)
    open_port(80)
    write_note(22, title="Shell")

    out, _, _ = ports("--json", "--sort", "port")

    answer = admin_client.get("/api/v1/ports/?ordering=port").json()
    assert json.loads(out) == answer["results"]


def test_csv_holds_no_formula_and_no_escape(ports, open_port, write_note):
    open_port(22)
    write_note(22, title="=1+1\x1b[31m")

    out, _, _ = ports("--csv")

    [row] = csv.DictReader(io.StringIO(out.removeprefix("\ufeff")))
    assert (row["port"], row["title"]) == ("22", "'=1+1\\x1b[31m")


@pytest.mark.parametrize("arguments", [[], ["show", "22"], ["--json"], ["--csv"]])
def test_no_name_that_a_process_chose_reaches_the_terminal_as_more_than_text(
    arguments, ports, open_port, write_note
):
    evil = "evil\x1b]0;owned\x07\r\n\x9b31m\u202e[red]"
    open_port(22, process_name=evil, cmdline=evil, unit=evil, user=evil)
    write_note(22, title=evil, owner=evil, description=evil)

    out, _, _ = ports(*arguments)

    text = out.replace("\n", "").replace("\r\n", "").replace("\r", "").removeprefix("\ufeff")
    assert [each for each in text if not each.isprintable()] == []
    assert "owned" in text


def test_nothing_found_is_said_and_has_a_code_of_its_own(ports, open_port):
    open_port(443, gone=True)

    out, err, code = ports("--state", "suspicious")
    machine, _, of_machine = ports("--json", "--state", "suspicious")

    assert out == ("atlas: No port is listening. Last look 0 s ago.\n")
    assert err == "No port is as asked.\n"
    assert (code, machine, of_machine) == (Exit.NOTHING, "[]\n", Exit.NOTHING)


def test_nobody_has_looked_yet(ports, db):
    out, _, code = ports()

    assert out.splitlines() == [
        "Nothing is known of this machine yet.",
        "python3 manage.py up looks at it from now on, python3 manage.py collect looks once.",
    ]
    assert code == Exit.NOTHING


def test_a_host_that_was_never_seen_is_told_with_those_that_were(ports, open_port):
    open_port(22)

    out, err, code = ports("--host", "atlsa")

    assert (out, code) == ("", Exit.NOTHING)
    assert err == "No host 'atlsa' was ever seen. Known: atlas.\n"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--limit", "0"], "--limit takes a number from 1 on."),
        (["show"], "show takes one port: "),
        (["show", "22", "80"], "show takes one port: "),
        (["show", "65536"], "'65536' is no port: write it as "),
        (["show", "0"], "'0' is no port: write it as "),
        (["show", "22/icmp"], "'22/icmp' is no port: write it as "),
        (["show", "a b:22"], "'a b:22' is no port: write it as "),
        (["show", "atlas:22", "--host", "other"], "'atlas:22' and --host 'other' contradict "),
        (["show", "22", "--csv"], "show tells of one port: "),
        (["\udcff"], "\\xff is no UTF-8 text."),
        (["--owner", "a\x00"], "a\\x00 is no UTF-8 text."),
    ],
)
def test_wrong_usage_is_told_in_a_sentence(arguments, said, db):
    with pytest.raises(CommandError) as caught:
        call_command("ports", *arguments)

    assert str(caught.value).startswith(said)
    assert caught.value.returncode == Exit.USAGE


def test_show_tells_everything_about_one_port(ports, open_port, write_note, add_host):
    add_host(watched_since=NOON - timedelta(hours=12), watched_until=NOON)
    end = {"address": "0.0.0.0", "device": "", "scope": "any", "backlog": 0, "limit": 128}
    owner = {"process_name": "nginx", "pid": 7, "family": "v4", "cookie": "1", "inode": 1}
    port = open_port(
        80,
        process_name="nginx",
        current_pid=7,
        pids=[7, 8],
        ancestors=[{"pid": 1, "name": "init"}],
        active_since=NOON - timedelta(hours=6),
        endpoints=[end | owner],
    )
    event = {"event_type": "appeared", "timestamp": NOON - timedelta(hours=6), "pid": 7}
    PortEvent.objects.create(port_runtime=port, **event)
    note = write_note(80, title="Shop", owner="alice", description="Ask *her*.\nTwice.")
    note.owner = "bob"
    save(note, by=None, seen=1)

    out, _, code = ports("show", "atlas:80/tcp")

    assert out.splitlines() == [
        "80/tcp on atlas  i known  it has a note",
        "what        Shop",
        "is          up 6 h",
        "open to     everywhere",
        "process     nginx",
        "first seen  2025-12-31 12:00:00 UTC, 1 d ago",
        "last seen   2026-01-01 12:00:00 UTC, 0 s ago",
        "",
        "Note",
        "  Shop",
        "  risk  Expected",
        "  type  Unknown",
        "  ask   bob",
        "  Ask *her*.",
        "  Twice.",
        "  Last saved by somebody 0 s ago",
        "",
        "History of the note (UTC)",
        "  2026-01-01 12:00:00  Changed by somebody  owner: alice → bob",
        (
            "  2026-01-01 12:00:00  Written by somebody  title: nothing → Shop; owner: nothing → "
            "alice; type: nothing → Unknown; risk: nothing → Expected; the description"
        ),
        "",
        "Sockets",
        "  0.0.0.0:80  IPv4  nginx 7",
        "",
        "Processes",
        "  init 1",
        "    nginx 7",
        "      process 8 holds it too",
        "",
        "Last 24 hours",
        "  " + 48 * "·" + 24 * "▁" + 24 * "█",
        "  █ up  ▁ down  · unknown",
        "",
        "Last events (UTC)",
        "  2026-01-01 06:00:00  Appeared  pid 7",
    ]
    assert code == Exit.DONE


@pytest.mark.parametrize(
    ("named", "expected"),
    [
        ("22", ["atlas tcp", "db-1 tcp", "db-1 udp"]),
        ("22/tcp", ["atlas tcp", "db-1 tcp"]),
        ("db-1:22", ["db-1 tcp", "db-1 udp"]),
        ("db-1:22/udp", ["db-1 udp"]),
    ],
)
def test_show_lists_all_that_may_be_meant(named, expected, ports, open_port):
    open_port(22)
    open_port(22, host_id="db-1")
    open_port(22, host_id="db-1", protocol="udp")

    out, _, _ = ports("show", named, "--json")
    text, _, code = ports("show", named)

    found = json.loads(out)
    assert [f"{port['host_id']} {port['protocol']}" for port in found] == expected
    assert text.startswith(f"{len(expected)} ports have this number") == (len(expected) > 1)
    assert code == Exit.DONE


def test_show_tells_the_note_of_a_port_that_was_never_seen(ports, write_note):
    write_note(8080, title="Soon")
    write_note(53, host_id=EVERY_HOST, title="Names", protocol="udp")

    own, _, code = ports("show", "8080")
    of_all, _, _ = ports("show", "anywhere:53")
    _, err, unknown = ports("show", "81")

    assert own.splitlines()[:5] == [
        "8080/tcp on atlas was never seen.",
        "",
        "Note",
        "  Soon",
        "  risk  Expected",
    ]
    assert of_all.startswith("53/udp on every host was never seen.\n")
    assert (code, unknown, err) == (
        Exit.DONE,
        Exit.NOTHING,
        "81 was never seen, and has no note.\n",
    )


@pytest.mark.parametrize("count", [1, 3])
def test_a_list_takes_the_same_statements_for_one_row_and_for_three(
    count, ports, open_port, write_note, django_assert_num_queries
):
    for number in range(1, count + 1):
        open_port(number)
        write_note(number)

    with django_assert_num_queries(QUERIES):
        ports("reason")
    with django_assert_num_queries(QUERIES - 1):  # of which nothing is narrowed
        ports("--json")


@pytest.mark.parametrize("count", [1, 3])
def test_show_takes_the_same_statements_for_one_event_and_for_three(
    count, ports, open_port, write_note, add_host, django_assert_num_queries
):
    """The port with its note; its host's stretches, what it did then; three kinds of events; and
    what the note said before."""
    add_host(watched_since=NOON - timedelta(hours=1), watched_until=NOON)
    port = open_port(22, pids=list(range(count)), current_pid=1)
    for number in range(count):
        at = NOON - timedelta(minutes=number)
        PortEvent.objects.create(port_runtime=port, event_type="rebound", timestamp=at)
        start = NOON - timedelta(hours=5 + number)
        Coverage.objects.create(host_id="atlas", started_at=start, ended_at=start)
    write_note(22)

    with django_assert_num_queries(7):
        ports("show", "22")


def in_terminal(*arguments, columns):
    """Run `ports` where it sees a terminal of so many columns, and return what it shows."""
    leader, follower = pty.openpty()
    ioctl(follower, TIOCSWINSZ, pack("HHHH", 24, columns, 0, 0))
    shown = []
    reader = Thread(target=lambda: shown.extend(until_closed(leader)))
    reader.start()
    with open(follower, "w", encoding="utf-8") as terminal:  # noqa: PTH123  # it has no path
        call_command("ports", *arguments, stdout=terminal)
    reader.join()
    os.close(leader)
    return b"".join(shown).decode().replace("\r\n", "\n")


def until_closed(leader):
    with suppress(OSError):  # so Linux says that nobody has the other end any more
        while data := os.read(leader, 65536):
            yield data


def test_a_terminal_of_80_columns_gets_colours_and_no_longer_line(
    open_port, write_note, add_host, monkeypatch
):
    add_host("a-host-with-a-rather-long-name.example.org", owners_reason="Run as root. " * 20)
    for number in (1, 22, 65535):
        open_port(number, process_name="a name " * 30, scope="private")
        open_port(number, host_id="a-host-with-a-rather-long-name.example.org")
    write_note(22, title="データベース " * 20, owner="somebody " * 9, expected_scope="loopback")
    for name in ("COLUMNS", "NO_COLOR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm")

    shown = [in_terminal(columns=columns) for columns in (80, 60, 200)]
    never = in_terminal("--color", "never", columns=80)
    monkeypatch.setenv("NO_COLOR", "1")
    plain = in_terminal(columns=80)

    lines = plain.splitlines()
    table = lines[lines.index("") + 1 :]
    wide = [
        max(cell_len(Text.from_ansi(line).plain) for line in each.split("\n")) for each in shown
    ]
    assert [one <= most for one, most in zip(wide, (80, 60, 200), strict=True)] == [True] * 3
    assert max(map(cell_len, lines)) <= 80
    assert table[0].split() == ["state", "port", "host", "what", "open", "to", "up"]
    assert [line.split()[0] for line in table[1:]] == ["!", "it", "?", "?", "?", "?", "?"]
    assert "\x1b[1;34m? unnoted" in shown[0]
    assert "\x1b" not in plain + never


def test_a_pipe_gets_whole_texts_without_colours_unless_they_are_asked_for(ports, open_port):
    open_port(22, process_name="a name " * 30)

    plain, _, _ = ports()
    colored, _, _ = ports("--color", "always")

    assert ("a name " * 11).strip() in plain
    assert "\x1b" not in plain
    assert "\x1b[1;34m? unnoted" in colored


def test_a_terminal_without_unicode_gets_marks_of_its_own(write_note):
    write_note(22, title="Café ✓")
    raw = io.BytesIO()
    poor = io.TextIOWrapper(raw, encoding="ascii", errors="backslashreplace")

    call_command("ports", "show", "22", stdout=poor)

    assert b"Caf\\xe9 +" in raw.getvalue()


def run(*arguments, folder, **options):
    env = os.environ | {"PORTATLAS_DATA": str(folder), "PORTATLAS_BOOTSTRAP": "off"}
    env.pop("DATABASE_URL", None)
    return subprocess.run(  # noqa: S603  # our own file
        [sys.executable, CHECKOUT / "manage.py", *arguments],
        env=env,
        capture_output=True,
        text=True,
        check=False,
        **options,
    )


def test_a_database_that_was_not_prepared_ends_in_one_line(tmp_path):
    done = run("ports", folder=tmp_path)

    assert (done.returncode, done.stdout) == (Exit.FAILED, "")
    assert done.stderr.startswith("CommandError: The database can't be used: no such table: ")
    assert done.stderr.endswith(". Run python3 manage.py migrate first.\n")
    assert done.stderr.count("\n") == 1


def test_a_data_directory_that_cannot_be_read_ends_in_one_line(tmp_path):
    (tmp_path / "secret_key").mkdir()

    done = run("ports", folder=tmp_path)

    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (Exit.FAILED, "", 1)
    assert done.stderr.startswith("port atlas: The secret key can't be read (")


def test_a_file_that_is_no_database_ends_in_one_line(tmp_path):
    (tmp_path / "portatlas.sqlite3").write_bytes(b"this is not a database" * 100)

    done = run("ports", folder=tmp_path)

    assert (done.returncode, done.stderr.count("\n")) == (Exit.FAILED, 1)
    assert done.stderr.startswith("CommandError: The database can't be used: file is not a ")


def test_wrong_options_end_as_wrong_usage_and_help_tells_the_codes(tmp_path):
    wrong = run("ports", "--state", "fine", folder=tmp_path)
    told = run("ports", "--help", folder=tmp_path)

    assert wrong.returncode == Exit.USAGE
    assert told.returncode == Exit.DONE
    assert all(f"  {code.value}  {code.meaning}" in told.stdout for code in Exit)


def test_a_thousand_ports_are_a_table_at_once(ports, add_host):
    PortRuntime.objects.bulk_create(
        PortRuntime(
            host=add_host(),
            protocol="tcp",
            port=port,
            first_seen_at=NOON,
            last_seen_at=NOON,
            active_since=NOON,
            scope="any",
            owner_state="known",
        )
        for port in range(1, 1_202)
    )

    out, _, _ = ports()
    machine, _, _ = ports("--json")

    assert len(listed(out)) == 1_000
    assert "201 more ports are as asked; --limit 1201 lists them." in out
    assert len(json.loads(machine)) == 1_201
