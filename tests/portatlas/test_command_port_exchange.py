"""`port export` and `port import` as people and scripts run them."""

import io
import json
import sys
from functools import partial

import pytest
import time_machine

from portatlas.contexts.reservations.models import Reservation
from portatlas.terminal.exits import Exit
from portatlas.terminal.port import exporting
from tests.conftest import NOON
from tests.portatlas.command import run
from tests.portatlas.contexts.reservations.exported import a_file, a_row, empty

NEW = "Reservations: 1 new, 0 in conflict, 0 the same, 0 not in the file, which stay."


@pytest.fixture(autouse=True)
def _here(settings, db):
    settings.PORTATLAS_HOST_ID = "here"
    with time_machine.travel(NOON, tick=False):
        yield


@pytest.fixture
def port(capsys):
    """Return a function that runs `port` and returns what it printed and how it ended."""
    return partial(run, capsys, "port")


@pytest.fixture
def file(tmp_path):
    """Return a function that writes what an import takes, and returns its path."""

    def file(said):
        path = tmp_path / "in.json"
        path.write_text(json.dumps(said))
        return str(path)

    return file


def test_what_is_exported_is_imported_into_an_empty_database(port, tmp_path):
    port("reserve", "8080", "--project", "shop", "--description", "Zoë's")
    path = tmp_path / "out.json"
    out, err, code = port("export", str(path))
    empty()

    told = port("import", str(path))

    assert (out, err, code) == ("", f"Reservations in {path}: 1.\n", Exit.DONE)
    assert told[0].splitlines() == [
        f"{NEW} New history: 1.",
        "+ 8080/tcp on here: shop",
    ]
    assert told[1:] == ("", Exit.DONE)
    assert port("export")[0] == path.read_text()


def test_an_export_is_its_owners_alone_and_replaces_nothing_unasked(port, tmp_path):
    path = tmp_path / "out.json"
    port("export", str(path))
    before = path.read_text()
    port("reserve", "8080", "--project", "shop")

    _out, err, code = port("export", str(path))

    assert (err, code) == (
        f"{path} is there already. Name another file, or say --force.",
        Exit.USAGE,
    )
    assert (path.read_text(), path.stat().st_mode & 0o777) == (before, 0o600)
    assert port("export", str(path), "--force")[2] == Exit.DONE
    assert path.read_text() != before
    assert [each.name for each in tmp_path.iterdir()] == [path.name]


def test_a_file_that_no_import_takes_is_told(port, tmp_path, monkeypatch):
    monkeypatch.setattr(exporting, "MOST_BYTES", 10)

    _out, err, code = port("export", str(tmp_path / "out.json"))

    assert err.endswith("say --no-history, or --project for a file for each.\n")
    assert code == Exit.DONE


def test_what_was_exported_is_told_as_json(port, tmp_path):
    port("reserve", "8080", "--project", "shop")
    path = tmp_path / "out.json"

    out, err, code = port("export", str(path), "--json")

    assert json.loads(out) == {"file": str(path), "reservations": 1, "rules": 0}
    assert (err, code) == ("", Exit.DONE)
    assert port("export", "--json")[0] == path.read_text()


def test_an_export_can_be_of_a_project_and_without_its_history(port):
    port("reserve", "8080", "--project", "shop")
    port("reserve", "8081", "--project", "blog")

    said = json.loads(port("export", "--project", "blog", "--no-history")[0])

    assert [row["port"] for row in said["reservations"]] == [8081]
    assert "history" not in said


@pytest.mark.parametrize("more", [(), ("--dry-run",)])
def test_conflicts_are_told_and_nothing_is_written(port, file, more):
    port("reserve", "atlas:8000", "--project", "blog")

    out, err, code = port("import", file(a_file(a_row(8000), a_row(8001))), *more)

    assert out == (
        "Reservations: 1 new, 1 in conflict, 0 the same, 0 not in the file, which stay.\n"
        "+ 8001/tcp on atlas: shop\n"
        "! 8000/tcp on atlas, in the file by shop since 2025-12-31 12:00:\n"
        "    8000/tcp on atlas is reserved by blog since 2026-01-01 12:00\n"
    )
    assert err == "Nothing was written: say --replace to let the file win where it differs."
    assert (code, Reservation.objects.get().project) == (Exit.REFUSED, "blog")


def test_a_dry_run_tells_what_replacing_would_do_and_does_nothing(port, file):
    port("reserve", "atlas:8000", "--project", "shop")
    path = file(a_file(a_row(8000, description="Its till")))

    out, err, code = port("import", path, "--dry-run", "--replace")

    assert "    description: here nothing, in the file “Its till”\n" in out
    assert (err, code) == ("A dry run: nothing was written.\n", Exit.DONE)
    assert Reservation.objects.get().description == ""


def test_a_script_is_told_as_json(port, file):
    port("reserve", "atlas:8000", "--project", "blog")

    out, _err, code = port("import", file(a_file(a_row(8000))), "--replace", "--json")

    told = json.loads(out)
    assert (told["outcome"], told["new"], told["same"], code) == ("written", [], 0, Exit.DONE)
    assert [each["reserved"][0]["project"] for each in told["conflicts"]] == ["blog"]
    assert Reservation.objects.get().project == "shop"


def test_a_bad_file_is_told_place_by_place(port, file):
    path = file(a_file(a_row(0), a_row(1, colour="red")))

    out, err, code = port("import", path, "--json")

    assert err == (
        f"{path} can't be taken, and nothing of it was:\n"
        "reservations[0].port: Ensure this value is greater than or equal to 1.\n"
        "reservations[1].colour: this is not known here."
    )
    assert (json.loads(out)["outcome"], code) == ("bad file", Exit.USAGE)
    assert not Reservation.objects.exists()


def test_port_keepers_export_is_taken_from_standard_input(port, monkeypatch):
    said = {"version": "1.0.0", "exportDate": "2025-08-03T10:00:00Z"}
    said["ports"] = [{"number": 3000, "projectName": "shop", "tags": ["Web"]}]
    data = io.BytesIO(json.dumps(said).encode())
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(data))

    out, _err, code = port("import", "-", "--host", "web-1")

    assert out.splitlines()[1:] == [
        "+ 3000/tcp on web-1: shop",
        "ports[0]: its tags are made lower-case words.",
    ]
    assert (code, Reservation.objects.get().host_id) == (Exit.DONE, "web-1")


def test_what_is_no_text_is_told_and_nothing_is_written(port, monkeypatch):
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"\xff")))

    _out, err, code = port("import", "-")

    assert err.splitlines() == [
        "Standard input can't be taken, and nothing of it was:",
        "This is no UTF-8 text, in line 1.",
    ]
    assert code == Exit.USAGE


def test_a_file_that_is_not_there_is_wrong_usage(port, tmp_path):
    assert port("import", str(tmp_path / "none"))[2] == Exit.USAGE
    assert port("export", str(tmp_path / "none" / "out.json"))[2] == Exit.USAGE
