"""Whether the process that holds a lease still runs."""

import os
import subprocess
import sys

import pytest

from portatlas.contexts.reservations import lease
from tests.tools import require

ASK = """
import os, sys
from portatlas.contexts.reservations import lease
pid, started, seen_in = int(sys.argv[1]), float(sys.argv[2]), sys.argv[3]
os.setgid(65534)
os.setuid(65534)
print(os.path.exists(f"/proc/{pid}"), lease.has_ended(pid, started, seen_in))
"""
THERE = """
import sys
from portatlas.contexts.reservations import lease
pid, started, seen_in = int(sys.argv[1]), float(sys.argv[2]), sys.argv[3]
print(lease.has_ended(pid, started, seen_in), lease.has_ended(pid, started, f"other {seen_in}"))
"""
MOUNTED = 'mount -t proc -o hidepid=invisible proc /proc && exec "$@"'


@pytest.fixture
def child():
    with subprocess.Popen([require("sleep"), "1000"]) as process:  # noqa: S603  # found above
        yield process
        process.kill()


def test_it_runs_until_it_has_ended(child):
    itself = lease.identity(child.pid).values()

    before = lease.has_ended(child.pid, *itself)
    child.kill()
    child.wait()

    assert (before, lease.has_ended(child.pid, *itself)) == (False, True)


def test_one_that_nobody_has_asked_about_has_ended(child):
    itself = lease.identity(child.pid).values()
    child.kill()
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)

    assert lease.has_ended(child.pid, *itself)
    with pytest.raises(lease.NoProcessError):
        lease.identity(child.pid)


def test_another_process_of_its_pid_is_not_it(child):
    started, here = lease.identity(child.pid).values()

    assert lease.has_ended(child.pid, started - 0.01, here)
    assert not lease.has_ended(child.pid, None, here)


def test_none_outlives_its_boot(child):
    started, here = lease.identity(child.pid).values()
    namespace = here.partition(" ")[2]

    assert lease.has_ended(child.pid, started, f"8f0a5d0e {namespace}")


@pytest.mark.parametrize("seen_in", ["", " pid:[1]"])
def test_of_what_was_seen_nobody_knows_where_it_can_not_be_told(seen_in):
    assert not lease.has_ended(2**22 + 1, 1.0, seen_in)


def in_a_place_of_its_own(script: str, child, *how: str) -> str:
    """Return what a script says of a process, run where others are seen otherwise."""
    told = map(str, lease.identity(child.pid).values())
    done = subprocess.run(  # noqa: S603  # our own script
        [require("unshare"), *how, sys.executable, "-c", script, str(child.pid), *told],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode and ("not permitted" in done.stderr or "wrong fs" in done.stderr):
        pytest.skip("this machine lends us no such place")
    assert done.stderr == ""
    return done.stdout


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can count processes anew")
def test_one_of_another_namespace_has_not_ended_unless_its_boot_has(child):
    told = in_a_place_of_its_own(THERE, child, "--pid", "--fork", "--mount-proc")

    assert told == "False True\n"


@pytest.mark.parametrize("pid", [2**22 + 1, 2**31, 10**17])
def test_what_is_no_process_holds_nothing(pid):
    assert lease.has_ended(pid, 1.0, lease.identity(os.getpid())["pid_seen_in"])
    with pytest.raises(lease.NoProcessError, match=f"No process {pid} runs"):
        lease.identity(pid)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can hide processes from others")
def test_one_that_may_not_be_seen_has_not_ended(child):
    how = ("--mount", "sh", "-c", MOUNTED, "sh")

    assert in_a_place_of_its_own(ASK, child, *how) == "False False\n"
