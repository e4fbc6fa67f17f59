"""Socket units: real output of a real systemd, and of systemctls that are out of order."""

import stat
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector import ss, units
from collector.sweep import Protocol
from collector.units import SocketUnit

TCP, UDP = Protocol
DATA = Path(__file__).parent.parent / "data" / "systemd"

# The truth of tests/data/systemd/README.md.
TRUTH = {
    (TCP, 24001): SocketUnit("probe-idle.socket", "probe-idle.service"),
    (UDP, 24002): SocketUnit("probe-idle.socket", "probe-idle.service"),
    (TCP, 24003): SocketUnit("probe-idle.socket", "probe-idle.service"),
    (TCP, 24004): SocketUnit("probe-active.socket", "probe-active.service"),
    (UDP, 24004): SocketUnit("probe-active.socket", "probe-active.service"),
    (TCP, 24005): SocketUnit("probe-accept.socket", "probe-accept@.service"),
    (TCP, 24006): SocketUnit("probe-accept.socket", "probe-accept@.service"),
    (TCP, 24007): SocketUnit("probe-v6only.socket", "other-name.service"),
    (TCP, 24008): SocketUnit("probe-odd\\x20name.socket", "probe-odd\\x20name.service"),
    (TCP, 24010): SocketUnit("probe-scoped.socket", "probe-scoped.service"),
    (UDP, 24012): SocketUnit("probe-two.socket", "other-name.service"),
}
MINE = SocketUnit("mine.socket", "mine.service")


@pytest.fixture
def systemctl(tmp_path, monkeypatch):
    """Return a function that puts a shell script in the place of systemctl."""

    def systemctl(script):
        path = tmp_path / "systemctl"
        path.write_text(f"#!/bin/sh\n{script}\n")
        path.chmod(path.stat().st_mode | stat.S_IXUSR)
        monkeypatch.setattr(units, "PATHS", [str(tmp_path / "missing"), str(path)])

    return systemctl


@pytest.mark.parametrize("moment", ["idle", "busy"])
def test_a_real_systemd_tells_the_unit_of_each_port(moment):
    """N46; whether clients of a service per connection are there or not."""
    output = (DATA / f"debian12-252.{moment}.txt").read_bytes()

    assert units.parse(output) == TRUTH


def test_the_manager_of_a_user_speaks_alike():
    """N46."""
    output = (DATA / "debian12-252.user.txt").read_bytes()

    assert units.parse(output) == {(TCP, 24013): MINE, (UDP, 24013): MINE}


def test_every_port_that_systemd_holds_is_told():
    """N46: what ss saw at the same moment, but for the ports of the user's own manager."""
    reading = ss.parse((DATA / "debian12-252.ss-lntupHe.txt").read_bytes())
    held = {
        (each.protocol, each.port)
        for each in reading.sockets
        if "systemd" in [user.name for user in each.users]
    }

    told = units.parse((DATA / "debian12-252.idle.txt").read_bytes()).keys()

    assert held - told == {(TCP, 24013), (UDP, 24013)}
    assert told <= held


@pytest.mark.parametrize(
    ("activates", "service"),
    [
        (" cups.service", "cups.service"),
        (" cups.service, other.service", "cups.service"),
        ("", "cups@.service"),
        (" ", "cups@.service"),
        (" -", "cups@.service"),
        (" cups@0-127.0.0.1:631-127.0.0.1:4.service, cups@1-x.service", "cups@.service"),
        (" cups@worker.service", "cups@worker.service"),
        (" other@1-x.service", "other@1-x.service"),
    ],
)
def test_old_and_new_columns_name_the_service(activates, service):
    """N46: up to 246 commas and nothing, since then lines and a dash."""
    row = f"127.0.0.1:631 Stream   cups.socket{activates}\n"

    assert units.parse(row.encode()) == {(TCP, 631): SocketUnit("cups.socket", service)}


def test_an_instance_of_a_socket_template_starts_its_own_instance():
    row = b"127.0.0.1:1 Stream git@home.socket git@home.service\n"

    assert units.parse(row) == {(TCP, 1): SocketUnit("git@home.socket", "git@home.service")}


def test_what_is_no_port_is_passed_over():
    output = (
        b"/run/a b:80 Stream a.socket a.service\n"
        b"@abstract:80 Stream a.socket a.service\n"
        b"vsock:2:80 Stream a.socket a.service\n"
        b"kobject-uevent 1 Netlink a.socket a.service\n"
        b"[::]:80 SequentialPacket a.socket a.service\n"
        b"0.0.0.0:0 Stream a.socket a.service\n"
        b"0.0.0.0:70000 Stream a.socket a.service\n"
        b"0.0.0.0:80 Stream a.service a.service\n"
        b"LISTEN TYPE UNIT ACTIVATES\n\n2 sockets listed.\n"
    )

    assert units.parse(output) == {}


@given(
    st.lists(st.sampled_from([b"1.1.1.1:80", b" ", b"Stream", b"a.socket", b"\n", b"\xff", b"-"]))
)
def test_no_output_raises(pieces):
    assert units.parse(b"".join(pieces)).keys() <= {(TCP, 80)}


@given(st.binary())
def test_no_bytes_raise(output):
    units.parse(output)


def test_systemctl_is_asked_for_the_form_that_every_version_has(systemctl):
    systemctl(
        '[ "$*" = "list-sockets --show-types --full --no-legend --no-pager" ] || exit 1\n'
        "echo '[::]:22 Stream ssh.socket ssh.service'"
    )

    assert units.sockets(timeout=10) == {(TCP, 22): SocketUnit("ssh.socket", "ssh.service")}


@pytest.mark.parametrize(
    "script",
    [
        "echo '[::]:22 Stream ssh.socket ssh.service'; exit 1",
        "echo 'System has not been booted with systemd' >&2; exit 1",
        "echo '[::]:22 Stream ssh.socket ssh.service'; exec sleep 60",
        "exec yes",
    ],
)
def test_a_systemctl_that_fails_names_no_unit(systemctl, script):
    """N46, N58: half an answer is none."""
    systemctl(script)

    assert units.sockets(timeout=1) == {}


def test_a_systemctl_that_cant_be_run_names_no_unit(systemctl, tmp_path):
    systemctl("")
    (tmp_path / "systemctl").chmod(0o644)

    assert units.sockets() == {}


def test_a_machine_without_systemctl_has_no_units(monkeypatch, tmp_path):
    monkeypatch.setattr(units, "PATHS", [str(tmp_path / "systemctl")])

    assert units.sockets() == {}
