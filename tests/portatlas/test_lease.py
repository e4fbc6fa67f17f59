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
pid, started = int(sys.argv[1]), float(sys.argv[2])
os.setgid(65534)
os.setuid(65534)
print(os.path.exists(f"/proc/{pid}"), lease.has_ended(pid, started))
"""
MOUNTED = 'mount -t proc -o hidepid=invisible proc /proc && exec "$@"'


@pytest.fixture
def child():
    with subprocess.Popen([require("sleep"), "1000"]) as process:  # noqa: S603  # found above
        yield process
        process.kill()


def test_it_runs_until_it_has_ended(child):
    started = lease.started_at(child.pid)

    before = lease.has_ended(child.pid, started)
    child.kill()
    child.wait()

    assert (before, lease.has_ended(child.pid, started)) == (False, True)


def test_one_that_nobody_has_asked_about_has_ended(child):
    started = lease.started_at(child.pid)
    child.kill()
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)

    assert lease.has_ended(child.pid, started)
    with pytest.raises(lease.NoProcessError):
        lease.started_at(child.pid)


def test_another_process_of_its_pid_is_not_it(child):
    started = lease.started_at(child.pid)

    assert lease.has_ended(child.pid, started - 0.01)
    assert not lease.has_ended(child.pid, None)


@pytest.mark.parametrize("pid", [2**22 + 1, 2**31, 10**17])
def test_what_is_no_process_holds_nothing(pid):
    assert lease.has_ended(pid, 1.0)
    with pytest.raises(lease.NoProcessError, match=f"No process {pid} runs"):
        lease.started_at(pid)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can hide processes from others")
def test_one_that_may_not_be_seen_has_not_ended(child):
    place = [require("unshare"), "--mount", "sh", "-c", MOUNTED, "sh"]
    started = str(lease.started_at(child.pid))

    done = subprocess.run(  # noqa: S603  # our own script
        [*place, sys.executable, "-c", ASK, str(child.pid), started],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode and ("not permitted" in done.stderr or "wrong fs" in done.stderr):
        pytest.skip("this machine lends us no such place")

    assert (done.stdout, done.stderr) == ("False False\n", "")
