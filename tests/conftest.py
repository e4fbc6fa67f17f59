import os
from datetime import UTC, datetime, timedelta

import pytest
from django.core.cache import cache

from collector.models import Host, PortRuntime
from notes.models import PortNote

# What tests start looks for iptables and the like, which a user's PATH may leave out.
os.environ["PATH"] += ":/usr/sbin:/sbin"
# How wide the terminal of the tests is changes nothing of what they see printed.
os.environ.pop("COLUMNS", None)

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


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
