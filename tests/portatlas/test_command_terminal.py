"""Commands where people are: real terminals, pipes, and machines on which something is amiss."""

import io
import os
import pty
import subprocess
import sys
from contextlib import suppress
from fcntl import ioctl
from pathlib import Path
from struct import pack
from termios import TIOCSWINSZ
from threading import Thread

import time_machine
from django.core.management import call_command
from rich.cells import cell_len
from rich.text import Text

from portatlas.terminal.exits import Exit
from tests.conftest import NOON
from tests.portatlas import command

CHECKOUT = Path(__file__).resolve().parents[2]


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


@time_machine.travel(NOON, tick=False)
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


@time_machine.travel(NOON, tick=False)
def test_a_pipe_gets_whole_texts_without_colours_unless_they_are_asked_for(capsys, open_port):
    open_port(22, process_name="a name " * 30)

    plain, _, _ = command.run(capsys, "ports")
    colored, _, _ = command.run(capsys, "ports", "--color", "always")

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
