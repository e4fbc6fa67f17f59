"""`port reserve`, `renew`, `release`, `list` and `show` as people and scripts run them."""

import json
import os
import pwd
from functools import partial

import pytest
import time_machine
from django.contrib.auth.models import Group, User

from portatlas.contexts.reservations.models import AllocationRule, Reservation, ReservationEvent
from portatlas.contexts.reservations.services import Actor
from portatlas.contexts.reservations.values import EVERY_HOST
from portatlas.management.commands.port import Command
from portatlas.terminal.exits import TOLD, Exit
from portatlas.terminal.port import performer
from portatlas.terminal.port.subcommands import SUBCOMMANDS
from tests.conftest import NOON
from tests.portatlas.command import run

ME = pwd.getpwuid(os.geteuid()).pw_name


@pytest.fixture(autouse=True)
def _here(settings, db):
    settings.PORTATLAS_HOST_ID = "here"
    with time_machine.travel(NOON, tick=False):
        yield


@pytest.fixture
def port(capsys):
    """Return a function that runs `port` and returns what it printed and how it ended."""
    return partial(run, capsys, "port")


def test_a_port_is_reserved_with_all_that_is_said(port):
    out, err, code = port(
        *("reserve", "atlas:8080", "--project", "shop", "--description", "Its till"),
        *("--tags", "Web, a", "--metadata", '{"ticket": 42}', "--expires", "2h", "--auto-release"),
        *("--program", "nginx", "--user-name", "www", "--unit", "a.service", "--container", "till"),
    )

    reserved = Reservation.objects.get()
    assert out == "Reserved 8080/tcp on atlas for shop until 2026-01-01 14:00:00 UTC.\n"
    assert (err, code, reserved.key) == ("", Exit.DONE, ("atlas", "tcp", 8080))
    assert (reserved.tags, reserved.metadata) == (["web", "a"], {"ticket": 42})
    assert (reserved.description, reserved.auto_release) == ("Its till", True)
    assert (reserved.process_name, reserved.user) == ("nginx", "www")
    assert (reserved.unit, reserved.container_name) == ("a.service", "till")


@pytest.mark.parametrize(
    ("said", "key"),
    [
        (["47391"], ("here", "tcp", 47391)),
        (["47391/udp"], ("here", "udp", 47391)),
        (["47391", "--host", "*"], (EVERY_HOST, "tcp", 47391)),
        ([":47391", "--protocol", "udp", "--host", "atlas"], ("atlas", "udp", 47391)),
    ],
)
def test_what_is_not_said_of_a_port_is_this_host_and_tcp(said, key, port):
    port("reserve", *said, "--project", "shop", "--even-if-held")

    assert Reservation.objects.get().key == key


def test_who_runs_it_is_told_by_his_name_of_the_system(port):
    port("reserve", "atlas:80", "--project", "shop")

    assert Reservation.objects.get().requested_by == ME
    assert ReservationEvent.objects.get().performed_by == ME


def test_who_has_but_a_number_is_told_by_it(monkeypatch):
    monkeypatch.setattr(os, "geteuid", lambda: 4_000_123)

    actor = performer.performer(None, {"as_user": None})

    assert actor == Actor("user 4000123")


def test_a_user_of_the_atlas_acts_with_his_groups_as_teams(port):
    team = Group.objects.create(name="ops")
    User.objects.create_user("ann").groups.add(team)
    AllocationRule.objects.create(team=team, first=8000, last=8099)

    refused = port("reserve", "atlas:8080", "--project", "shop")
    done = port("reserve", "atlas:8080", "--project", "shop", "--as", "ann")

    assert refused == (
        "",
        "8080/tcp belongs to the team ops, which has 8000-8099.",
        Exit.REFUSED,
    )
    assert done[2] == Exit.DONE
    assert Reservation.objects.get().requested_by == f"ann (by {ME})"


def test_who_acts_as_the_user_of_his_own_name_is_told_but_once(port):
    User.objects.create_user(ME)

    port("reserve", "atlas:8080", "--project", "shop", "--as", ME)

    assert Reservation.objects.get().requested_by == ME


@pytest.mark.parametrize("is_there", [False, True])
def test_in_the_name_of_nobody_or_of_who_may_no_more_nothing_is_done(is_there, port):
    if is_there:
        User.objects.create_user("ann", is_active=False)

    _, err, code = port("reserve", "atlas:80", "--project", "shop", "--as", "ann")

    assert err.startswith("There is no active user “ann”: make one in the admin")
    assert (code, Reservation.objects.count()) == (Exit.NOTHING, 0)


def test_what_another_project_has_is_refused_with_who_has_it(port, reserved):
    reserved(8080)

    _, err, code = port("reserve", "atlas:8080", "--project", "blog")

    assert err == "8080/tcp on atlas is reserved by shop since 2026-01-01 12:00."
    assert code == Exit.REFUSED


def test_what_a_program_holds_is_reserved_only_if_that_is_said(port, open_port):
    open_port(8080, process_name="nginx", current_pid=42)

    refused = port("reserve", "atlas:8080", "--project", "shop")
    done = port("reserve", "atlas:8080", "--project", "shop", "--even-if-held")

    assert refused[1:] == ("8080/tcp on atlas is held by nginx (PID 42).", Exit.REFUSED)
    assert done == ("Reserved 8080/tcp on atlas for shop.\n", "", Exit.DONE)


@pytest.mark.parametrize(
    ("said", "told"),
    [
        (["0"], "'0' is no port: write it as"),
        (["8080", "--project", "/"], "--project: A project's name has letters"),
        (["8080", "--expires", "soon"], "--expires: 'soon' is no time to run out: write 90s"),
        (["8080", "--expires", "999999w"], "--expires: '999999w' is after the calendar ends."),
        (["8080", "--expires", "2025-12-30"], "--expires: That is over"),
        (["8080", "--metadata", "{"], "--metadata: '{' is no JSON."),
        (["8080", "--metadata", "[" * 50_000], "--metadata: '["),
        (["8080", "--metadata", "[1]"], "--metadata: Metadata is a JSON object"),
        (["8080", "--metadata", '{"a": "\\u0000"}'], "--metadata: Metadata has a NUL in it."),
        (["8080", "--metadata", '{"a": "\\ud800"}'], "--metadata: Metadata has something that"),
        (["8080", "--metadata", '{"a": NaN}'], "--metadata: Metadata has something that JSON"),
        (["8080", "--tags", "a b!"], "--tags: 'b!' is no tag"),
        (["8080", "--pid", "0"], "--pid: '0' is no PID."),
        (["8080", "--pid", "9" * 19], "--pid: '9999"),
        (["8080", "--host", "a b"], "--host: A host's name has letters"),
        (["8080", "--program", "\udcff"], "\\xff is no UTF-8 text."),
        (["8080", "--description", "a\x00"], "a\\x00 is no UTF-8 text."),
        (["atlas:8080", "--pid", "1"], "--pid: A lease by PID is for a process of this machine"),
    ],
)
def test_what_makes_no_sense_is_refused_by_the_name_of_its_option(said, told, port):
    _, err, code = port("reserve", "--project", "shop", *said)

    assert err.startswith(told)
    assert (code, Reservation.objects.count()) == (Exit.USAGE, 0)


def test_a_reservation_is_told_as_json_when_it_is_made(port):
    out, _, _ = port("reserve", "atlas:8080", "--project", "shop", "--json")

    told = json.loads(out)
    assert (told["port"], told["project"]) == (8080, "shop")
    assert (told["status"], told["reserved_at"]) == ("reserved", "2026-01-01T12:00:00Z")


def test_what_is_written_is_told_as_json_with_its_status(port, open_port):
    open_port(8080, process_name="nginx")
    said = ("atlas:8080", "--json", "--program", "apache")

    made = json.loads(port("reserve", *said, "--project", "shop", "--even-if-held")[0])
    renewed = json.loads(port("renew", *said[:2], "--program", "nginx")[0])

    assert [made["status"], renewed["status"]] == ["violated", "in-use"]


def test_a_reservation_is_renewed_and_what_is_not_said_stays(port, reserved):
    reserved(8080, description="Its till", tags=["a"], unit="a.service", auto_release=True)

    out, _, code = port(
        *("renew", "atlas:8080", "--project", "blog", "--unit", "", "--tags", ""),
        *("--expires", "2026-01-31", "--no-auto-release"),
    )

    renewed = Reservation.objects.get()
    assert out == "Renewed 8080/tcp on atlas for blog until 2026-02-01 00:00:00 UTC.\n"
    assert (code, renewed.renewed_at, renewed.description) == (Exit.DONE, NOON, "Its till")
    assert (renewed.unit, renewed.tags, renewed.auto_release) == ("", [], False)


def test_a_reservation_that_ran_out_at_some_time_may_be_one_that_never_does(port, reserved):
    reserved(8080, expires_at=NOON.replace(hour=13))

    port("renew", "atlas:8080", "--expires", "never")

    assert Reservation.objects.get().expires_at is None


@pytest.mark.parametrize("verb", ["check", "history", "renew", "release", "show"])
@pytest.mark.parametrize("host", ["a b", "ä", "\x1b[2J", "**"])
def test_a_host_that_cannot_be_is_wrong_usage(host, verb, port):
    out, err, code = port(verb, "8080", "--host", host)

    assert err.startswith("--host: A host's name has letters, digits")
    assert (out, code) == ("", Exit.USAGE)


@pytest.mark.parametrize("verb", ["renew", "release", "show"])
def test_what_is_not_reserved_is_told_to_be_not(verb, port):
    _, err, code = port(verb, "atlas:8080")

    assert (err.strip(), code) == ("8080/tcp on atlas is not reserved.", Exit.NOTHING)


@pytest.mark.parametrize(
    ("asked", "there", "told"),
    [
        ("atlas", ["*"], "shop has 8080/tcp on every host."),
        ("*", ["atlas"], "shop has 8080/tcp on atlas."),
        ("*", ["atlas", "beta"], "shop has 8080/tcp on atlas, and not there alone."),
    ],
)
@pytest.mark.parametrize("verb", ["renew", "release"])
def test_who_means_the_reservation_of_another_host_is_told_of_it(
    verb, asked, there, told, port, reserved
):
    for host_id in there:
        reserved(8080, host_id=host_id)

    _, err, code = port(verb, f"{asked}:8080")

    assert err.strip().endswith(f" is not reserved itself: {told}")
    assert (code, Reservation.objects.count()) == (Exit.NOTHING, len(there))


def test_ports_are_released_each_told_with_who_had_it(port, reserved):
    reserved(8080)
    reserved(53, protocol="udp", project="dns")

    out, _, code = port("release", "atlas:8080", "atlas:53/udp", "atlas:8080/tcp")

    assert out.splitlines() == [
        "Released 8080/tcp on atlas, which shop had.",
        "Released 53/udp on atlas, which dns had.",
    ]
    assert (code, Reservation.objects.count()) == (Exit.DONE, 0)


def test_of_ports_of_which_one_is_not_reserved_none_is_released(port, reserved):
    reserved(8080)

    _, err, code = port("release", "atlas:8080", "atlas:8081")

    assert (err.strip(), code) == ("8081/tcp on atlas is not reserved.", Exit.NOTHING)
    assert (Reservation.objects.count(), ReservationEvent.objects.count()) == (1, 0)


def test_all_that_a_project_has_is_released_at_once(port, reserved):
    reserved(8080)
    reserved(8081, host_id="other")
    reserved(8082, project="blog")

    out, _, code = port("release", "--project", "shop")
    again = port("release", "--project", "shop")

    assert (out, code) == ("Released 2 ports of shop.\n", Exit.DONE)
    assert Reservation.objects.get().project == "blog"
    assert again == ("", "The project shop has reserved nothing.\n", Exit.NOTHING)


def test_how_many_were_released_is_told_as_json(port, reserved):
    reserved(8080)
    reserved(8081)

    of_port = port("release", "atlas:8080", "--json")
    of_project = port("release", "--project", "shop", "--json")

    assert [json.loads(each[0]) for each in (of_port, of_project)] == [{"released": 1}] * 2


@pytest.mark.parametrize(
    "said", [[], ["80", "--project", "shop"], ["--project", "shop", "--host", "atlas"]]
)
def test_what_to_release_is_said_in_one_way(said, port):
    assert port("release", *said)[2] == Exit.USAGE


def test_the_list_tells_each_reservation_and_how_it_stands(port, open_port, reserved):
    open_port(8080, process_name="nginx")
    reserved(8080, process_name="nginx", pid=None, requested_by="ann")
    reserved(8081, project="blog", expires_at=NOON.replace(hour=13), description="Drafts")
    reserved(8082, process_name="apache")
    open_port(8082, process_name="nginx")

    rows = [line.split() for line in port("list")[0].splitlines()]

    assert rows == [
        ["status", "port", "host", "project", "for", "by", "until", "what"],
        ["in-use", "8080/tcp", "atlas", "shop", "nginx", "ann"],
        ["reserved", "8081/tcp", "atlas", "blog", "2026-01-01", "13:00", "Drafts"],
        ["violated", "8082/tcp", "atlas", "shop", "apache"],
    ]


@pytest.mark.parametrize(
    ("said", "ports"),
    [
        ([], [8080, 8081, 8082, 53]),
        (["--project", "shop"], [8080, 8081, 53]),
        (["--host", "atlas"], [8080, 8081, 8082]),
        (["--host", "*"], [53]),
        (["--protocol", "udp"], [53]),
        (["--tag", "web"], [8081]),
        (["--status", "in-use"], [8080]),
        (["--status", "in-use", "--status", "reserved"], [8080, 8081, 8082, 53]),
        (["--expired"], [8083]),
        (["--limit", "2", "--host", "atlas"], [8080, 8081]),
    ],
)
def test_the_list_holds_what_is_asked_for(said, ports, port, open_port, reserved):
    open_port(8080)
    reserved(8080)
    reserved(8081, tags=["web", "a"])
    reserved(8082, project="blog", tags=["webs"])
    reserved(8083, expires_at=NOON)
    reserved(53, protocol="udp", host_id="*")

    told = json.loads(port("list", *said, "--json")[0])

    assert sorted(each["port"] for each in told) == sorted(ports)


def test_what_the_table_leaves_out_is_said(port, reserved):
    reserved(8080)
    reserved(8081)

    out, _, _ = port("list", "--limit", "1")

    assert out.splitlines()[-1] == "There are more than 1; --limit N lists them."


def test_all_are_told_as_json_a_line_each_and_a_limit_holds_there_too(port, reserved):
    for number in (8080, 8081, 8082):
        reserved(number)

    out = port("list", "--json")[0]
    some = json.loads(port("list", "--json", "--limit", "2")[0])

    assert [each["port"] for each in json.loads(out)] == [8080, 8081, 8082]
    assert len(out.splitlines()) == 5
    assert [each["port"] for each in some] == [8080, 8081]


@pytest.mark.parametrize(
    ("said", "code"),
    [([], Exit.NOTHING), (["--limit", "0"], Exit.USAGE), (["--json"], Exit.NOTHING)],
)
def test_an_empty_list_is_told_by_the_exit_code(said, code, port):
    assert port("list", *said)[2] == code


def test_a_reservation_is_shown_with_what_listens_there(port, open_port, reserved):
    open_port(8080, process_name="nginx", current_pid=42)
    reserved(
        8080,
        description="Its\ntill",
        tags=["a", "b"],
        metadata={"ticket": 42},
        unit="nginx.service",
        requested_by="ann",
        auto_release=True,
    )

    rows = [line.split(maxsplit=1) for line in port("show", "atlas:8080")[0].splitlines()]

    assert rows == [
        ["8080/tcp", "on atlas: violated, somebody else holds it"],
        ["project", "shop"],
        ["what", "Its\\ntill"],
        ["for", "nginx.service"],
        ["tags", "a, b"],
        ["metadata", '{"ticket": 42}'],
        ["reserved", "2026-01-01 12:00"],
        ["by", "ann"],
        ["ends", "when its program has ended"],
        ["listens", "nginx (PID 42) on atlas"],
    ]


def test_what_is_reserved_on_every_host_is_shown_for_each(port, open_port, reserved):
    open_port(53, host_id="one")
    open_port(53, host_id="two")
    reserved(53, host_id="*")

    of_one = port("show", "one:53")[0].splitlines()
    of_all = port("show", "*:53")[0].splitlines()

    assert of_one[0] == "53/tcp on every host: in-use, a program listens on it"
    assert of_one[0] == of_all[0]
    assert [line.split(maxsplit=1)[1] for line in of_one[3:]] == ["sshd on one"]
    assert [line.split(maxsplit=1)[1] for line in of_all[3:]] == ["sshd on one", "sshd on two"]


def test_a_reservation_is_shown_as_json_with_its_status(port, reserved):
    reserved(8080)

    told = json.loads(port("show", "atlas:8080", "--json")[0])

    assert (told["port"], told["project"], told["status"]) == (8080, "shop", "reserved")


def test_texts_that_others_chose_do_nothing_to_a_terminal(port, open_port, reserved):
    open_port(8080, process_name="ng\x1b[31minx")
    open_port(8081, process_name="ng\x1b[31minx")
    reserved(8080, process_name="\x1b]0;x\x07", description="a\x1b[2J")

    shown = [port(*said)[0] for said in (("list",), ("show", "atlas:8080"), ("summary",))]
    refused = port("reserve", "atlas:8081", "--project", "shop")[1]

    assert ["\x1b" in text for text in (*shown, refused)] == [False] * 4


@pytest.mark.parametrize("said", [["preflight"], ["import"], ["export", "--force"]])
def test_the_name_of_a_file_does_nothing_to_a_terminal(said, port, tmp_path):
    err = port(*said, f"{tmp_path}/a\x1b[2Jb/c")[1]

    assert "/a\\x1b[2Jb" in err


@pytest.mark.parametrize("said", [["--color", "always", "list"], ["list", "--color", "always"]])
def test_colours_are_asked_for_before_or_behind_the_subcommand(said, port, reserved):
    reserved(8080)

    assert "\x1b[" in port(*said)[0]


@pytest.mark.parametrize("subcommand", SUBCOMMANDS, ids=lambda each: each.NAME)
def test_each_subcommand_answers_in_json_and_documents_its_exit_codes(subcommand, capsys):
    with pytest.raises(SystemExit):
        Command().create_parser("manage.py", "port").parse_args([subcommand.NAME, "--help"])

    told = capsys.readouterr().out
    assert [" --json " in told, TOLD in told] == [True, True]


def test_what_is_wrong_with_metadata_is_told_once(port, reserved):
    reserved(8080)

    _out, err, code = port("renew", "atlas:8080", "--metadata", "[1]")

    assert (err.count("Metadata is a JSON object"), code) == (1, Exit.USAGE)
