"""What the kernel is told of reserved ports."""

import json
import os
from functools import partial

import pytest

from collector import machine
from portatlas.contexts.reservations.models import Reservation
from portatlas.reserving import kernel_reserved
from tests.collector.crowd import told_in
from tests.conftest import NOON
from tests.portatlas.command import run
from tests.tools import require

LENT = range(32768, 61000)
# The kernel's own parser reads it, in a network of its own: as sysctl(8) writes, and as others do.
TRY = """
import json, os
from pathlib import Path
from collector import machine
path = "/proc/sys/net/ipv4/ip_local_reserved_ports"
os.write(os.open(path, os.O_WRONLY), {!r})
once = sorted(machine.reserved_ports())
Path(path).write_text({!r})
print(json.dumps([once, sorted(machine.reserved_ports())]))
"""


@pytest.fixture
def reserve(db):
    def reserve(port, host_id="here", protocol="tcp", **fields):
        return Reservation.objects.create(
            host_id=host_id,
            protocol=protocol,
            port=port,
            project="shop",
            reserved_at=NOON,
            **fields,
        )

    return reserve


@pytest.fixture
def sysctl(settings, monkeypatch, capsys):
    settings.PORTATLAS_HOST_ID = "here"
    monkeypatch.setattr(machine, "ephemeral_ports", lambda: LENT)
    monkeypatch.setattr(machine, "reserved_ports", lambda: frozenset({50000}))
    return partial(run, capsys, "port", "sysctl")


def test_reserved_ports_that_are_lent_come_beside_what_the_kernel_has(sysctl, reserve):
    reserve(40001)
    reserve(40000, "*")
    reserve(40002, protocol="udp")
    reserve(40003, "other")
    reserve(40004, expires_at=NOON)
    reserve(8080)

    out, _, code = sysctl()

    assert (code, out.splitlines()) == (
        0,
        [
            "# Port Atlas: reserved ports of here that the kernel would lend to clients,",
            "# for it lends 32768-60999. What is reserved in the kernel already is kept.",
            "# Write it to /etc/sysctl.d/60-portatlas.conf, then run: sysctl --system",
            "net.ipv4.ip_local_reserved_ports = 40000-40002,50000",
        ],
    )


def test_it_is_told_as_json(sysctl, reserve):
    reserve(40000)

    assert json.loads(sysctl("--json")[0]) == {
        "host_id": "here",
        "ephemeral": [32768, 60999],
        "added": [40000],
        "kept": [50000],
        "name": "net.ipv4.ip_local_reserved_ports",
        "value": "40000,50000",
    }


def test_where_none_lies_there_that_is_said_and_nothing_is_set(sysctl, reserve, monkeypatch):
    monkeypatch.setattr(machine, "reserved_ports", frozenset)
    reserve(8080)

    lines = sysctl()[0].splitlines()

    assert lines[-1] == "# None of the reserved ports lies there, so there is nothing to add."
    assert all(line.startswith("#") for line in lines)


def test_the_kernel_reads_what_is_written():
    ports = [40000, *range(40002, 40100), 41000]
    every_second = list(range(33001, 49000, 2))
    text = kernel_reserved.spans(ports).encode()
    place = [require("unshare"), *(["--map-root-user"] if os.geteuid() else []), "--net"]

    once, long = told_in(place, TRY.format(text, kernel_reserved.spans(every_second)))

    assert once == ports
    assert long == every_second


def test_what_the_kernel_would_not_read_at_once_is_drawn_together():
    ports = [*range(33001, 48000, 100), *range(48001, 60000, 2)]

    plan = kernel_reserved.plan("here", ports, ephemeral=LENT, kept=())

    assert len(",".join(map(str, ports))) > kernel_reserved.LONGEST
    assert plan.spans == ",".join([*map(str, range(33001, 48000, 100)), "48001-59999"])
