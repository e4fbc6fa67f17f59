"""Who asks for ports at the same time gets others, on whichever database the tests run."""

import json
import os
import signal
import subprocess
import sys
from collections import Counter

import pytest
from django.db import connection

from tests.conftest import CHECKOUT
from tests.portatlas.backup.conftest import url_of

pytestmark = pytest.mark.django_db(transaction=True)

PROCESSES, PORTS = 50, 20


@pytest.fixture
def crowd(tmp_path, new_database):
    """Return a function that does many things at once, each in a process of its own."""
    folder = tmp_path / "data"
    environment = os.environ | {
        "PORTATLAS_DATA": str(folder),
        "PORTATLAS_BOOTSTRAP": "off",
        "DJANGO_SETTINGS_MODULE": "portatlas.settings",
    }
    if connection.vendor == "sqlite":
        new_database(folder)
    else:
        environment["DATABASE_URL"] = url_of(connection.settings_dict["NAME"])

    def crowd(*jobs):
        command = [sys.executable, "-m", "tests.portatlas.crowd", json.dumps(jobs)]
        done = subprocess.run(  # noqa: S603  # our own module
            command, env=environment, cwd=CHECKOUT, capture_output=True, text=True, check=False
        )
        assert (done.stderr, done.returncode) == ("", 0)
        return json.loads(done.stdout)

    return crowd


def test_fifty_processes_that_ask_for_twenty_ports_each_get_a_thousand_different_ones(crowd):
    found = crowd(*(["request", f"project-{n}", PORTS] for n in range(PROCESSES)))

    got = [[f"project-{n}", port] for n, ports in enumerate(found["told"]) for port in ports]
    assert {len(ports) for ports in found["told"]} == {PORTS}
    assert len({port for _project, port in got}) == PROCESSES * PORTS
    assert sorted(found["rows"]) == sorted(got)
    assert sorted(found["history"]) == sorted([*each, "reserved"] for each in got)


def test_who_is_killed_amid_a_request_has_all_of_it_or_nothing(crowd):
    killed = [["die", f"killed-{n}", PORTS, n] for n in range(1, 11)]
    spared = [["request", f"spared-{n}", PORTS] for n in range(10)]

    found = crowd(*killed, *spared)

    counts = Counter(project for project, _port in found["rows"])
    assert -signal.SIGKILL in found["ends"]
    assert [counts[f"spared-{n}"] for n in range(10)] == [PORTS] * 10
    assert set(counts.values()) == {PORTS}
    assert len({port for _project, port in found["rows"]}) == len(found["rows"])
    assert sorted(found["history"]) == sorted([*each, "reserved"] for each in found["rows"])


def test_requests_single_ports_sweeps_notes_and_the_worker_do_not_lock_each_other_out(crowd):
    numbers = range(20000, 20024)

    found = crowd(
        *(["request", f"asks-{n}", PORTS] for n in range(8)),
        *(["reserve", f"takes-{n}", numbers.start + 8 * n, 8] for n in range(3)),
        *(["sweep", numbers.start, 8] for _n in range(2)),
        *(["note", numbers.start + 12 * n, 12] for n in range(2)),
        ["look_after", 8],
    )

    taken = sorted(port for _project, port in found["rows"] if port in numbers)
    assert [told for told in found["told"] if isinstance(told, str)] == []
    assert taken == [*numbers[::2]]
    assert len(found["rows"]) == 8 * PORTS + len(taken)
