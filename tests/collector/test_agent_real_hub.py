"""An agent and the real hub: what the one sees is what the other has."""

import socket
import subprocess
import sys

import pytest
from django.utils import timezone

from collector.models import Host, PortEvent, PortRuntime
from collector.signals import swept
from portatlas.silence import last_look
from portatlas.tokens import services
from portatlas.tokens.scopes import Scope
from tests.collector.agents import PATIENCE, Machine, until
from tests.conftest import CHECKOUT

pytestmark = pytest.mark.django_db(transaction=True)

# An agent on a machine whose clock is an hour behind.
BEHIND = """
import sys
from datetime import timedelta
from collector.agent import command

now = command._now
command._now = lambda: now() - timedelta(hours=1)
sys.exit(command.main(sys.argv[1:]))
"""


@pytest.fixture
def token(admin_user):
    return services.make(
        admin_user,
        name="atlas",
        scopes=[Scope.WRITE_SWEEPS],
        at=timezone.now(),
        host_id="atlas",
    )


@pytest.fixture
def machine(tmp_path, token):
    machine = Machine(tmp_path)
    machine.token.write_text(token[1])
    yield machine
    machine.close()


@pytest.fixture
def outcomes():
    """What became of the sweeps, told by the hub's threads: the database is theirs meanwhile."""
    found = []

    def add(outcome, **_):
        found.append(outcome)

    swept.connect(add)
    yield found
    swept.disconnect(add)


def active():
    ports = PortRuntime.objects.filter(host="atlas", current_state="active")
    return sorted(ports.values_list("port", flat=True))


def test_the_hub_has_what_the_agent_sees_and_takes_its_own_word_for_it(
    machine, live_server, outcomes
):
    agent = machine.start(live_server.url, "--interval", "1")
    until(lambda: outcomes and outcomes[-1].unchanged)
    machine.listen(22, 80, 443, 8080)
    until(lambda: outcomes[-1].appeared)
    agent.terminate()
    _, said = agent.communicate(timeout=10)

    assert [outcomes[0].appeared, outcomes[-1].appeared] == [3, 1]
    assert active() == [22, 80, 443, 8080]
    assert set(PortEvent.objects.values_list("port_runtime__port", "cause")) == {
        (22, "first_sweep"),
        (80, "first_sweep"),
        (443, "first_sweep"),
        (8080, "observed"),
    }
    assert Host.objects.get().sweeps == len(outcomes)
    assert said.count("\n") == 2  # that it began, and that it ended


def test_what_was_kept_while_the_hub_was_away_is_recorded_in_its_own_time(
    machine, live_server, outcomes
):
    with socket.create_server(("127.0.0.1", 0)) as nobody:
        away = f"http://127.0.0.1:{nobody.getsockname()[1]}"
    machine.run(away, "--once")
    machine.listen(22, 80, 443, 8080)
    machine.run(away, "--once")
    machine.listen(22, 80, 443)

    done = machine.run(live_server.url, "--once")

    assert (done.returncode, machine.kept()) == (0, [])
    assert [(each.appeared, each.disappeared) for each in outcomes] == [(3, 0), (1, 0), (0, 1)]
    assert active() == [22, 80, 443]
    assert Host.objects.get().sweeps == 3


def test_an_agent_under_another_name_is_refused_and_told_why(machine, live_server):
    done = machine.run(live_server.url, "--once", "--host", "other")

    assert done.returncode == 1
    assert "This token brings the sweeps of atlas alone, not those of" in done.stderr
    assert not Host.objects.filter(pk="other").exists()


def test_a_token_that_was_revoked_lets_nothing_in(machine, live_server, token):
    services.revoke(token[0], at=timezone.now())

    done = machine.run(live_server.url, "--once")

    assert done.returncode == 1
    assert "The hub lets nothing in. It answers 401" in done.stderr
    assert len(machine.kept()) == 1


def test_an_agent_tells_the_hub_how_far_its_clock_is_off(machine, live_server, outcomes):
    before = timezone.now()

    for _ in range(2):
        where = ["--hub", live_server.url, "--token-file", machine.token, "--spool", machine.spool]
        command = [sys.executable, "-c", BEHIND, *where, "--host", "atlas", "--once"]
        subprocess.run(command, check=True, cwd=CHECKOUT, timeout=PATIENCE)  # noqa: S603  # our own

    host = Host.objects.get()
    assert -3600 - PATIENCE < host.clock_ahead <= -3599
    assert host.last_look_at < before <= last_look(host)
    assert [outcome.dropped for outcome in outcomes] == [False, False]
