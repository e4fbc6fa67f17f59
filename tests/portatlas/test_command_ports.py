"""`ports` as people and scripts run it."""

import csv
import io
import json
from datetime import timedelta
from functools import partial
from pathlib import Path

import pytest
import time_machine
from django.core.management import CommandError, call_command

from collector.models import PortRuntime
from portatlas.terminal.exits import Exit
from tests.conftest import NOON
from tests.portatlas.command import run

CHECKOUT = Path(__file__).resolve().parents[2]
QUERIES = 7  # hosts, their news, three for the sentence, what of it is asked for, and the ports


@pytest.fixture(autouse=True)
def _at_noon():
    with time_machine.travel(NOON, tick=False):
        yield


@pytest.fixture
def ports(capsys):
    """Return a function that runs `ports` and returns what it printed and how it ended."""
    return partial(run, capsys, "ports")


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
