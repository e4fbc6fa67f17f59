"""Whether a port that listens before and after is a restart, a takeover or nothing new."""

from dataclasses import replace

import pytest

from collector.models import PortEvent, PortRuntime
from collector.services import reconcile
from tests.collector.sweeps import events, listener, sweep

pytestmark = pytest.mark.django_db


def run_by(*, cookie="c80", pid=100, **owner):
    """Return port 80 as a web server of Python holds it, but for what is given."""
    defaults = {
        "process_name": "python3",
        "exe": "/usr/bin/python3.11",
        "cmdline": "python3 -u /srv/web.py --port 80",
        "unit": "web.service",
    }
    found = listener(80, cookie=cookie, pid=pid)
    return replace(found, owner=replace(found.owner, **defaults | owner))


def what_happened(before, after):
    reconcile(sweep(before))
    reconcile(sweep(after, ticks=1))
    return [event for event in PortEvent.objects.order_by("pk") if event.event_type == "rebound"]


@pytest.mark.parametrize(
    "change",
    [
        {"process_name": "worker-1"},  # it only calls itself something else
        {"cmdline": "web: serving 3 clients"},
        {"pid": 200},  # the master ended, a worker of it holds the socket on
        {"pid": 200, "cmdline": "python3 -u /srv/web.py --port 80 --fast"},
        {"exe_is_deleted": True},  # its package was updated
        {"user": "www-data"},  # it gave up being root
    ],
)
def test_the_same_socket_of_the_same_program_is_no_event(change):
    assert what_happened(run_by(), run_by(**change)) == []
    row = PortRuntime.objects.get()
    name, value = change.popitem()
    assert getattr(row, "current_pid" if name == "pid" else name) == value


@pytest.mark.parametrize(
    ("change", "program"),
    [
        ({}, None),
        ({"process_name": "worker-1"}, None),
        ({"cmdline": "python3 -u /srv/web.py --port 80 --fast"}, None),
        ({"cmdline": "python3 /srv/evil.py"}, "/usr/bin/python3.11 /srv/evil.py"),
        ({"exe": "/usr/sbin/nginx", "cmdline": "nginx"}, "/usr/sbin/nginx"),
        ({"unit": "other.service"}, "/usr/bin/python3.11 /srv/web.py"),
        ({"container_name": "web-2"}, None),  # nothing is known of where it ran before
    ],
)
def test_another_socket_is_a_restart_or_with_another_program_a_takeover(change, program):
    """N64: what tells a program is what it runs and where, never its PID."""
    [event] = what_happened(run_by(), run_by(cookie="new", pid=200, **change))

    assert event.is_takeover == (program is not None)
    assert event.changes.get("program", ["", program])[1] == program


@pytest.mark.parametrize(
    ("before", "after", "is_takeover"),
    [
        ("python3.11 /usr/bin/gunicorn app", "gunicorn: master [app]", False),  # its title
        ("puma 5.6.4 (tcp://0.0.0.0:80)", "puma 5.6.5 (tcp://0.0.0.0:80)", False),
        ("node --max-old-space-size 4096 a.js", "node --max-old-space-size 4096 b.js", True),
        ("python3 -m http.server 80", "python3 -m evil 80", True),
    ],
)
def test_the_script_of_an_interpreter_tells_the_program_unless_a_title_hides_it(
    before, after, is_takeover
):
    exe = "/usr/bin/node" if before.startswith("node") else "/usr/bin/python3.11"

    [event] = what_happened(
        run_by(cmdline=before, exe=exe), run_by(cookie="new", pid=200, cmdline=after, exe=exe)
    )

    assert event.is_takeover == is_takeover


def test_the_options_of_a_program_of_its_own_are_no_script():
    """`ssh` ends like `sh`, and is none."""
    ssh = {"exe": "/usr/bin/ssh", "process_name": "ssh"}
    before = run_by(cmdline="ssh -N -L 8000:db:5432 a", **ssh)

    [event] = what_happened(before, run_by(cookie="new", cmdline="ssh -o X=1 -N b", **ssh))

    assert not event.is_takeover


def ends(*sockets):
    found = listener(80)
    [end] = found.endpoints
    return replace(found, endpoints=tuple(end._replace(**each) for each in sockets))


def test_one_of_several_sockets_that_moved_is_told_with_its_address():
    """Nothing was restarted."""
    one = {"address": "10.0.0.1", "cookie": "a"}

    [event] = what_happened(
        ends(one, {"address": "10.0.0.2", "cookie": "b"}),
        ends(one, {"address": "10.0.0.3", "cookie": "c"}),
    )

    assert event.changes == {
        "sockets": [2, 2],
        "addresses": ["10.0.0.1, 10.0.0.2", "10.0.0.1, 10.0.0.3"],
    }


@pytest.mark.parametrize("known", ["cookie", "inode"])
def test_a_look_that_knows_no_cookie_is_compared_by_what_both_know(known):
    """N57, N58: psutil and /proc tell an inode, or nothing."""
    blind = {"cookie": ""} if known == "inode" else {"cookie": "", "inode": 0}

    assert what_happened(ends({"cookie": "a"}), ends(blind)) == []
    reconcile(sweep(ends({"cookie": "a"}), ticks=2))
    assert events() == [(80, "appeared", "first_sweep")]


def test_the_same_process_that_now_runs_another_program_is_a_takeover():
    """By exec(), with the socket kept."""
    [event] = what_happened(run_by(), run_by(exe="/usr/sbin/nginx", process_name="nginx"))

    assert event.changes["program"] == ["/usr/bin/python3.11 /srv/web.py", "/usr/sbin/nginx"]
    assert PortRuntime.objects.get().active_since == PortRuntime.objects.get().first_seen_at


def test_an_owner_that_could_not_be_seen_is_not_said_to_have_changed():
    """N29: nothing is known of who held it before."""
    hidden = replace(run_by(), owner=replace(run_by().owner, state="not_permitted", pids=()))

    assert what_happened(hidden, run_by()) == []
    assert events() == [(80, "appeared", "first_sweep")]
