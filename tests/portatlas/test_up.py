"""`manage.py up` as people run it: whole, with all its processes."""

import os
import re
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from urllib.request import urlopen

import psutil
import pytest

from collector.ebpf import support

CHECKOUT = Path(__file__).resolve().parents[2]
OURS = ("PORTATLAS_", "DATABASE_URL", "DJANGO_")
CHILDREN = {"gunicorn", "worker", "beat"} | (set() if support.missing() else {"watch"})
PATIENCE = 60  # seconds until a test gives up; none waits that long when all is well


class Up:
    """A running `manage.py up` on a free port. It is told its data directory as a relative path."""

    def __init__(self, folder, *arguments):
        self.log = folder.parent / f"{time.monotonic_ns()}.log"
        env = {name: value for name, value in os.environ.items() if not name.startswith(OURS)}
        env |= {"PORTATLAS_DATA": folder.name, "PORTATLAS_BOOTSTRAP": "off"}
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(  # noqa: S603  # our own file
                [sys.executable, CHECKOUT / "manage.py", "up", *(arguments or ("--port", "0"))],
                stdout=log,
                stderr=log,
                env=env,
                cwd=folder.parent,
            )

    @property
    def output(self):
        return self.log.read_text(encoding="utf-8")

    def wait_for(self, pattern):
        """Return the match of a pattern in the output."""
        return wait_until(lambda: re.search(pattern, self.output), self.log)

    def wait_until_up(self):
        """Return the URL, once all children run."""
        url = self.wait_for(r"Port Atlas is up: (\S+) ")[1]
        wait_until(lambda: self.children().keys() == CHILDREN, self.log)
        return url

    def children(self):
        """Return the direct children by what they do."""
        found = {}
        for child in psutil.Process(self.process.pid).children():
            with suppress(psutil.NoSuchProcess):  # it was just killed
                words = child.cmdline()
                found |= {word: child for word in CHILDREN if word in words}
        return found

    def descendants(self):
        """Return gunicorn and its worker, and the other children, with no `ss` among them."""

        def all_of_them():
            found = psutil.Process(self.process.pid).children(recursive=True)
            return found if len(found) == len(CHILDREN) + 1 else None

        return wait_until(all_of_them, self.log)

    def end(self, number=signal.SIGTERM):
        self.process.send_signal(number)
        return self.process.wait(PATIENCE)


@pytest.fixture
def up(tmp_path):
    """Return a function that starts `up`; all that it started has ended after the test."""
    started = []

    def up(*arguments, folder=tmp_path / "my data"):
        started.append(Up(folder, *arguments))
        return started[-1]

    yield up
    for each in started:
        if each.process.poll() is None:
            each.end()


@pytest.fixture
def migrated(new_database, tmp_path):
    """The database of an installation that was up before: making it takes seconds."""
    new_database(tmp_path / "my data")
    return tmp_path / "my data" / "portatlas.sqlite3"


def wait_until(condition, log):
    deadline = time.monotonic() + PATIENCE
    while not (result := condition()):
        assert time.monotonic() < deadline, log.read_text(encoding="utf-8")
        time.sleep(0.05)
    return result


def is_alive(process):
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def ports(folder):
    """Return the ports that were recorded."""
    with sqlite3.connect(folder / "portatlas.sqlite3") as database:
        rows = database.execute("SELECT port FROM collector_portruntime").fetchall()
    database.close()
    return {port for (port,) in rows}


def test_it_serves_collects_mends_itself_and_leaves_nothing_behind(up, tmp_path):
    running = up()
    url = running.wait_until_up()

    assert urlopen(f"{url}healthz", timeout=PATIENCE).read() == b"ok\n"  # noqa: S310  # our own
    own_port = int(url.rstrip("/").rpartition(":")[2])
    wait_until(lambda: own_port in ports(tmp_path / "my data"), running.log)

    before = running.children()
    before["worker"].kill()
    wait_until(
        lambda: running.children().get("worker") not in {None, before["worker"]}, running.log
    )
    running.wait_for(r"worker ended \(SIGKILL\); starting it again")

    descendants = running.descendants()
    status = running.end(signal.SIGINT)

    assert status == 0
    assert [each for each in descendants if is_alive(each)] == []


@pytest.mark.usefixtures("migrated")
def test_killing_it_ends_everything_and_never_blocks_the_next(up):
    first = up()
    first.wait_until_up()
    descendants = first.descendants()

    first.end(signal.SIGKILL)

    wait_until(lambda: not any(map(is_alive, descendants)), first.log)
    second = up()
    second.wait_until_up()
    assert second.end() == 0


def test_the_password_of_the_admin_is_told_once_and_only_to_the_terminal(up, tmp_path):
    first = up()
    password = first.wait_for(r"Log in as admin with the password (\S+) \(shown only now\)")[1]
    first.wait_for("is up")
    first.end()
    second = up()
    second.wait_for("is up")
    second.end()

    assert "Log in as" not in second.output
    files = [path for path in (tmp_path / "my data").rglob("*") if path.is_file()]
    assert [path for path in files if password.encode() in path.read_bytes()] == []


@pytest.mark.usefixtures("migrated")
def test_a_second_one_on_the_same_data_directory_is_refused_with_the_url_of_the_first(up):
    first = up()
    url = first.wait_until_up()

    second = up()

    assert second.process.wait(PATIENCE) == 1
    second.wait_for(
        rf"CommandError: Port Atlas is already up on \S+/my data: {re.escape(url)} \(process "
    )
    assert first.process.poll() is None


def test_a_taken_port_ends_in_one_line_that_says_what_to_do(up):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]

        running = up("--port", str(port))

        assert running.process.wait(PATIENCE) == 1
    assert running.output == (
        f"CommandError: Can't listen on port {port} of 127.0.0.1 (Address already in use). "
        "Choose another with --port, or another address with --host.\n"
    )


def test_a_broken_database_ends_in_one_line(up, tmp_path):
    data = tmp_path / "my data"
    data.mkdir()
    (data / "portatlas.sqlite3").write_bytes(b"this is not a database" * 100)

    running = up()

    assert running.process.wait(PATIENCE) == 1
    assert running.output == "CommandError: The database can't be used: file is not a database\n"


def test_the_database_of_a_newer_version_is_left_alone(up, migrated):
    with sqlite3.connect(migrated) as database:
        database.execute(
            "INSERT INTO django_migrations (app, name, applied) "
            "VALUES ('collector', '9999_later', '2030-01-01')"
        )
    database.close()

    running = up()

    assert running.process.wait(PATIENCE) == 1
    running.wait_for(r"CommandError: A newer Port Atlas has used .* collector\.9999_later\)")


@pytest.mark.usefixtures("migrated")
def test_an_address_of_the_network_is_served_with_a_warning(up):
    running = up("--host", "0.0.0.0", "--port", "0")  # that is the claim

    running.wait_until_up()

    assert "is plain HTTP" in running.output
    assert "PORTATLAS_ALLOWED_HOSTS" in running.output
