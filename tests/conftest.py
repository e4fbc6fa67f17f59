import os
import shutil
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from django.core.cache import cache
from whitenoise.middleware import WhiteNoiseMiddleware

from collector.models import Host, PortRuntime
from notes.models import PortNote
from portatlas.contexts.reservations.models import Reservation

# What tests start looks for iptables and the like, which a user's PATH may leave out.
os.environ["PATH"] += ":/usr/sbin:/sbin"
# How wide the terminal of the tests is changes nothing of what they see printed.
os.environ.pop("COLUMNS", None)

CHECKOUT = Path(__file__).parent.parent
NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


@pytest.hookimpl(tryfirst=True)  # before `-m` chooses
def pytest_collection_modifyitems(items):
    """
    Mark what another database could answer differently.

    Not what browsers do: their pages are asked of each database by the tests of the views.
    """
    for item in items:
        asks = "db" in item.fixturenames or item.get_closest_marker("django_db")
        if asks and "browser" not in item.path.parts:
            item.add_marker("database")


@pytest.fixture(autouse=True)
def _cheap_passwords(settings):
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]


@pytest.fixture(autouse=True)
def _private_data(settings, tmp_path):
    """No test touches the locks of an installation, or of another test."""
    settings.DATA_DIR = tmp_path


@pytest.fixture(autouse=True)
def _nothing_counted():
    """No test has to wait because others have asked the API too often."""
    cache.clear()


@pytest.fixture(scope="session", autouse=True)
def _static_files():
    """What each new client would read anew: all that is served, which no test changes."""
    found = {}
    read = WhiteNoiseMiddleware.add_files_from_finders

    def read_once(middleware):
        if middleware.static_prefix not in found:
            read(middleware)
            found[middleware.static_prefix] = middleware.files
        middleware.files = found[middleware.static_prefix]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(WhiteNoiseMiddleware, "add_files_from_finders", read_once)
        yield


@pytest.fixture(scope="session")
def _migrated(tmp_path_factory):
    """An SQLite database of which every migration was run, which takes seconds."""
    folder = tmp_path_factory.mktemp("migrated")
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(folder),
        "PORTATLAS_BOOTSTRAP": "off",
        "PORTATLAS_DATA": str(folder),
    }
    command = [sys.executable, CHECKOUT / "manage.py", "migrate", "--verbosity", "0"]
    subprocess.run(command, env=environment, check=True)  # noqa: S603  # our own file
    return folder / "portatlas.sqlite3"


@pytest.fixture
def new_database(_migrated):
    """Return a function that puts an empty database of SQLite into a folder."""

    def new_database(folder, name="portatlas.sqlite3"):
        folder.mkdir(mode=0o700, exist_ok=True)
        shutil.copy(_migrated, folder / name)

    return new_database


@pytest.fixture
def add_host(db):
    """Return a function that records one host, swept at noon."""

    def add_host(host_id="atlas", **fields):
        defaults = {
            "last_look_at": NOON,
            "last_sweep_at": NOON,
            "sweep_interval": 15,
            "verdict": "complete",
            "owners_seen": "all",
        }
        return Host.objects.get_or_create(host_id=host_id, defaults=defaults | fields)[0]

    return add_host


@pytest.fixture
def open_port(add_host):
    """Return a function that records one port, active since an hour before noon."""

    def open_port(port=22, *, host_id="atlas", protocol="tcp", gone=False, **fields):
        defaults = {
            "first_seen_at": NOON - timedelta(days=1),
            "last_seen_at": NOON,
            "active_since": NOON - timedelta(hours=1),
            "scope": "any",
            "owner_state": "known",
            "process_name": "sshd",
            "endpoints": [
                {
                    "address": "0.0.0.0",
                    "device": "",
                    "scope": "any",
                    "backlog": 0,
                    "limit": 128,
                    "cookie": "1",
                    "inode": 1,
                }  # what ss prints
            ],
        }
        if gone:
            defaults |= {"current_state": "disappeared", "last_disappeared_at": NOON}
        return PortRuntime.objects.create(
            host=add_host(host_id), protocol=protocol, port=port, **defaults | fields
        )

    return open_port


@pytest.fixture
def write_note(db):
    """Return a function that records one note."""

    def write_note(port=22, *, host_id="atlas", protocol="tcp", **fields):
        fields.setdefault("title", f"Reason {port}")
        return PortNote.objects.create(host_id=host_id, protocol=protocol, port=port, **fields)

    return write_note


@pytest.fixture
def reserved(db):
    """Return a function that records one reservation, of noon, without a line of its history."""

    def reserved(port=8080, *, host_id="atlas", protocol="tcp", project="shop", **fields):
        fields.setdefault("reserved_at", NOON)
        return Reservation.objects.create(
            host_id=host_id, protocol=protocol, port=port, project=project, **fields
        )

    return reserved
