"""The agent as it runs on a host, against a hub that answers over real sockets."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.collector.agents import TOKEN, Machine, until
from tests.collector.hubs import Says, ScriptedHub, problem

AGENT = "portatlas-agent:"
DID_NOT = f"{AGENT} The hub did not take a sweep."
REFUSES = f"{AGENT} The hub refuses a sweep, which is dropped."
KEPT = "Sweeps are kept until it does."


@pytest.fixture
def machine(tmp_path):
    machine = Machine(tmp_path)
    yield machine
    machine.close()


@pytest.fixture
def open_hub():
    """Return a function that opens a hub, at the port of an earlier one perhaps."""
    hubs = []

    def open_hub(port=0):
        hubs.append(ScriptedHub(port))
        return hubs[-1]

    yield open_hub
    for hub in hubs:
        hub.close()


@pytest.fixture
def hub(open_hub):
    return open_hub()


def times(told):
    return [each.sweep["taken_at"] for each in told]


def stopped(agent, number=signal.SIGTERM):
    """Return what an agent has said, and how it ended once it was asked to."""
    agent.send_signal(number)
    _, said = agent.communicate(timeout=10)
    return said.splitlines(), agent.returncode


def test_a_look_without_news_is_told_by_the_hubs_own_word_for_the_last(machine, hub):
    agent = machine.start(hub.url, "--interval", "1")

    until(lambda: hub.told and not hub.told[-1].is_whole)
    cmdline = Path(f"/proc/{agent.pid}/cmdline").read_text()
    said, code = stopped(agent)

    first, last = hub.told[0], hub.told[-1]
    assert first.path == "/api/v1/sweeps/"
    assert first.headers["Authorization"] == f"Bearer {TOKEN}"
    assert first.headers["Content-Encoding"] == "gzip"
    assert [each["port"] for each in first.sweep["listeners"]] == [22, 80, 443]
    assert first.sweep["interval"] == 1
    assert last.sweep["digest"] in hub.digests
    assert last.sweep.keys() == first.sweep.keys() - {"listeners"} | {"digest"}
    assert code == 0
    # What is under way when it is told to stop is kept, and that is said: one look at the most.
    kept = len(machine.kept())
    assert kept <= 1
    assert said[-1] == "portatlas-agent: Stopped." + " Kept for the hub: 1." * kept
    assert TOKEN not in cmdline
    assert not any(TOKEN in line for line in said)


def test_what_a_hub_that_is_away_was_to_hear_is_kept_and_told_in_order(machine, open_hub):
    hub = open_hub()
    hub.close()
    agent = machine.start(hub.url, "--interval", "1")
    until(lambda: len(machine.kept()) >= 4)
    kinds = [path.suffix for path in machine.kept()]

    hub = open_hub(hub.port)
    until(lambda: hub.told and not machine.kept())
    count = len(hub.wait(5))
    said, code = stopped(agent)

    assert kinds[0] == ".whole"
    assert ".same" in kinds  # a few hundred bytes each
    assert times(hub.told[:count]) == sorted(set(times(hub.told[:count])))
    assert hub.told[0].is_whole
    assert len([each for each in hub.told[:4] if each.is_whole]) == kinds[:4].count(".whole")
    assert said.count(f"{DID_NOT} It can't be reached: Connection refused. {KEPT}") == 1
    assert len([line for line in said if DID_NOT in line]) == 1
    assert any("takes sweeps again" in line for line in said)
    assert code == 0


def test_what_was_kept_outlives_an_agent_that_is_killed(machine, open_hub):
    hub = open_hub()
    hub.close()
    agent = machine.start(hub.url, "--interval", "1")
    until(lambda: len(machine.kept()) >= 2)
    agent.kill()
    agent.wait()
    first = [path.name for path in machine.kept()]
    (machine.spool / "draft").write_bytes(b"half writ")  # what it may have been at

    hub = open_hub(hub.port)
    done = machine.run(hub.url, "--once")

    assert done.returncode == 0, done.stderr
    assert len(hub.told) == len(first) + 1
    assert times(hub.told) == sorted(times(hub.told))
    assert hub.told[0].is_whole
    assert machine.kept() == []


def test_one_look_that_reaches_nobody_is_kept_for_the_next(machine, open_hub):
    hub = open_hub()
    hub.close()

    lost = machine.run(hub.url, "--once")
    hub = open_hub(hub.port)
    found = machine.run(hub.url, "--once")

    assert (lost.returncode, found.returncode) == (1, 0)
    assert len(hub.told) == 2
    assert [each.sweep["interval"] for each in hub.told] == [0, 0]


def test_one_look_that_fails_is_told_and_does_not_pass_for_done(machine, hub):
    (machine.folder / "ss").write_text("#!/bin/sh\nexit 3\n")

    done = machine.run(hub.url, "--once")

    assert done.returncode == 1
    assert [each.sweep["verdict"] for each in hub.told] == ["failed"]
    assert "This machine can't be looked at. ss ended with code 3" in done.stderr


def test_one_look_that_is_stopped_does_not_pass_for_done(machine, hub):
    asked = machine.folder / "asked"
    (machine.folder / "ss").write_text(f"#!/bin/sh\ntouch {asked}\nexec sleep 60\n")
    agent = machine.start(hub.url, "--once")

    until(asked.exists)
    _, code = stopped(agent)

    assert (code, hub.told) == (1, [])


def test_a_hub_that_forgot_a_digest_is_told_the_same_look_whole(machine, hub):
    machine.start(hub.url, "--interval", "1")
    until(lambda: hub.told and not hub.told[-1].is_whole)

    hub.digests.clear()
    count = len(hub.told)
    hub.wait(count + 2)

    refused, again = hub.told[count : count + 2]
    assert (refused.is_whole, again.is_whole) == (False, True)
    assert refused.sweep["taken_at"] == again.sweep["taken_at"]


def test_a_hub_that_wants_the_next_one_whole_gets_it(machine, hub):
    hub.script = [Says(body={"outcome": "recorded", "digest": ""})] * 2
    machine.start(hub.url, "--interval", "1")

    told = hub.wait(2)

    assert [each.is_whole for each in told] == [True, True]


def test_a_sweep_that_the_hub_will_never_take_is_dropped(machine, hub):
    hub.script = [
        problem(409, "late-sweep", "Newer."),
        problem(400, "invalid", "taken_at: the clock"),
        problem(413, "too-large", "Too large."),
    ]
    agent = machine.start(hub.url, "--interval", "1")

    told = hub.wait(5)
    said, _ = stopped(agent)

    assert times(told) == sorted(set(times(told)))
    assert said[1:5] == [
        f"{AGENT} The hub has a newer look; an older one is dropped. It answers 409: Newer.",
        f"{REFUSES} It answers 400: taken_at: the clock",
        f"{REFUSES} It answers 413: Too large.",
        f"{AGENT} The hub takes sweeps again. Delivered: 1. Dropped: 2.",
    ]


def test_a_trouble_of_which_only_the_time_is_another_is_said_once(machine, hub):
    hub.script = [
        problem(400, "invalid", f"taken_at: the clock says 12:00:{second}, and here it is 11:50:01")
        for second in (1, 16, 31, 46)
    ]
    agent = machine.start(hub.url, "--interval", "1")

    hub.wait(5)
    said, _ = stopped(agent)

    assert len([line for line in said if "the clock says" in line]) == 1


def test_an_agent_that_is_not_let_in_says_so_once_and_keeps_what_it_sees(machine, hub):
    hub.script = [problem(401, "unauthenticated", "Not you.")] * 9
    agent = machine.start(hub.url, "--interval", "1")

    until(lambda: len(machine.kept()) >= 2)
    said, code = stopped(agent)

    assert len(hub.told) == 1  # and not again for minutes
    assert said[1:-1] == [f"{AGENT} The hub lets nothing in. It answers 401: Not you. {KEPT}"]
    assert said[-1].startswith(f"{AGENT} Stopped. Kept for the hub: ")
    assert code == 0


def test_a_hub_that_is_busy_is_told_the_same_later(machine, hub):
    hub.script = [problem(503, "busy", **{"Retry-After": "1"})]
    machine.start(hub.url, "--interval", "3600")

    first, again = hub.wait(2)[:2]

    sent = [each.sweep.pop("sent_at") for each in (first, again)]
    assert first.sweep == again.sweep
    assert sent == sorted(set(sent))


def test_a_hub_that_doubts_a_look_gets_a_second_one_at_once_and_no_third(machine, hub):
    suspect = {"outcome": "recorded", "verdict": "suspect", "reason": "Half are gone."}
    hub.script = [Says(body=suspect), Says(body=suspect)]
    agent = machine.start(hub.url, "--interval", "3600")

    first, again = hub.wait(2)
    _, code = stopped(agent)

    assert first.sweep["taken_at"] < again.sweep["taken_at"]
    assert "confirmed" not in again.sweep  # psutil sees ports that the made-up ss does not list
    assert len(hub.told) == 2
    assert code == 0


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_ends_when_asked_though_the_hub_keeps_it_waiting(machine, hub, number):
    with hub.lock:  # no answer until the agent has ended
        agent = machine.start(hub.url, "--interval", "3600")
        until(lambda: hub.waiting)
        said, code = stopped(agent, number)

    assert code == 0
    assert said[-1] == f"{AGENT} Stopped. Kept for the hub: 1."
    assert [path.suffix for path in machine.kept()] == [".whole"]


def test_it_ends_when_asked_though_ss_does_not_answer(machine, hub):
    asked = machine.folder / "asked"
    (machine.folder / "ss").write_text(f"#!/bin/sh\ntouch {asked}\nexec sleep 60\n")
    agent = machine.start(hub.url)

    until(asked.exists)
    said, code = stopped(agent)

    assert (said[-1], code) == ("portatlas-agent: Stopped.", 0)


def test_a_token_that_was_changed_is_used_without_a_restart(machine, hub):
    machine.start(hub.url, "--interval", "1")
    hub.wait(1)

    machine.token.write_text("another")
    until(lambda: hub.told[-1].headers["Authorization"] == "Bearer another")


def test_two_agents_never_share_a_spool(machine, hub):
    machine.start(hub.url)
    hub.wait(1)

    second = machine.run(hub.url, "--once")

    assert second.returncode == 2
    assert "Another agent is using" in second.stderr
    assert len(hub.told) == 1


def test_a_token_file_that_everybody_can_read_is_refused(machine, hub):
    machine.token.chmod(0o644)

    done = machine.run(hub.url, "--once")

    assert done.returncode == 2
    assert f"Run chmod o= {machine.token}" in done.stderr
    assert TOKEN not in done.stderr
    assert hub.told == []


def test_what_nobody_reads_is_told_in_a_line(machine, hub):
    agent = machine.start(hub.url, "--print")

    agent.stdout.close()
    _, said = agent.communicate()

    assert (agent.returncode, said) == (1, "portatlas-agent: It can't be printed: Broken pipe.\n")


def test_who_has_no_home_is_asked_for_a_folder():
    if os.geteuid():
        pytest.skip("it takes root to be somebody else")
    script = """
import os, shutil  # before there is nothing that may be read any more
from collector.agent.command import main
os.environ.pop("HOME", None)
os.setuid(2**31 - 3)
main(["--hub", "http://127.0.0.1", "--token-file", "token"])
"""

    done = subprocess.run(  # noqa: S603  # our own script
        [sys.executable, "-c", script], check=False, capture_output=True, text=True
    )

    assert done.returncode == 2
    assert "Who has no home names a folder by --spool DIR." in done.stderr


def test_print_posts_nothing(machine, hub):
    done = machine.run(hub.url, "--print")

    assert done.returncode == 0, done.stderr
    assert hub.told == []
    assert [each["port"] for each in json.loads(done.stdout)["listeners"]] == [22, 80, 443]
