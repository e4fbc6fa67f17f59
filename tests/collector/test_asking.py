"""A look on request: the real machine and a real worker; and what is said where there is none."""

import os
import socket
import subprocess
import sys
from contextlib import closing, contextmanager
from datetime import timedelta

import pytest

from collector.asking import EVERY, ask
from collector.models import Host, PortEvent, PortRuntime
from collector.news import News, SocketNews
from collector.services import reconcile
from collector.sweep import Verdict
from portatlas.celery import app
from tests.collector.crowd import CHECKOUT, child, free_port
from tests.collector.sweeps import TICK, listener, sweep
from tests.conftest import NOON

HERE = "127.0.0.1"

# Four people ask where nobody answers; a worker comes late; a fifth asks. Its queue is of files.
UNHEARD = "from collector.asking import ask; print([ask('it', patience=0.1).text for _ in '1234'])"
HEARD = """
from collector.asking import ask
from collector.models import Host
answer = ask('it', patience=60)
print((answer.verdict.value, Host.objects.get().sweeps, answer.text[:8]))
"""


class Time:
    """A clock that nobody waits for. While somebody sleeps, what is planned happens."""

    def __init__(self, *plan):
        self.now = 1000.0
        self.naps = []
        self._plan = list(plan)

    def clock(self):
        return self.now

    def sleep(self, seconds):
        self.naps.append(seconds)
        self.now += seconds
        if self._plan:
            self._plan.pop(0)()


@pytest.fixture(autouse=True)
def queue(monkeypatch, tmp_path):
    """The folder of a queue that no worker reads."""
    folder = tmp_path / "queue"
    monkeypatch.setitem(app.conf, "broker_transport_options", {"folder": str(folder)})
    return folder


@pytest.fixture
def worker(monkeypatch, settings):
    """Do at once what is queued, on the real machine; return the name of its host."""
    monkeypatch.setitem(app.conf, "task_always_eager", True)
    return settings.PORTATLAS_HOST_ID


@contextmanager
def listening(port):
    """Have another process, which tells nobody of it, listen on a port."""
    opened = []
    with child(lambda: opened.append(socket.create_server((HERE, port)))):
        yield


def messages(queue):
    return [path for path in queue.glob("*.celery") if path.is_file()]


@pytest.mark.django_db
def test_the_first_look_answers_by_making_the_host(worker):
    with listening(free_port()):
        answer = ask(worker, patience=30)

    appeared = PortEvent.objects.filter(event_type="appeared").count()
    assert (answer.verdict, answer.is_believed) == (Verdict.COMPLETE, True)
    assert answer.appeared == appeared > 0
    assert answer.text == f"Looked: {appeared} appeared."
    assert answer.looked_at == Host.objects.get().last_look_at


@pytest.mark.django_db
def test_what_came_and_went_since_is_counted(worker):
    """Other processes of this machine come and go as they like: at least these."""
    one, other = free_port(), free_port()
    with listening(one):
        ask(worker, patience=30)
    with listening(other):
        answer = ask(worker, patience=30)

    assert answer.appeared >= 1
    assert answer.disappeared >= 1
    assert f"{answer.appeared} appeared, {answer.disappeared} disappeared" in answer.text


@pytest.mark.django_db
def test_a_restart_and_a_takeover_are_told_apart():
    reconcile(sweep(listener(80), listener(81), listener(82)))
    now = [listener(80, cookie="new"), listener(81, cookie="new", name="evil"), listener(82)]
    atlas = Time(lambda: reconcile(sweep(*now, ticks=1)))

    answer = ask("atlas", patience=5, clock=atlas.clock, sleep=atlas.sleep)

    assert answer.text == "Looked: 1 taken over by another program, 1 restarted."
    assert (answer.taken_over, answer.restarted) == (1, 1)


@pytest.mark.django_db
def test_what_happened_before_is_not_told_again():
    reconcile(sweep(listener(80)))
    atlas = Time(lambda: reconcile(sweep(listener(80), ticks=1)))

    answer = ask("atlas", patience=5, clock=atlas.clock, sleep=atlas.sleep)

    assert answer.text == "Looked: nothing has changed."


@pytest.mark.django_db
def test_what_the_kernel_dated_between_two_looks_is_told():
    reconcile(sweep(listener(80)))
    opened = NOON + timedelta(seconds=9)
    told = SocketNews("tcp", 81, "0.0.0.0", "c81", 100, "nginx", opened, None)  # as ss prints it
    now = sweep(listener(80), listener(81), ticks=1, news=News((told,)))
    atlas = Time(lambda: reconcile(now))

    answer = ask("atlas", patience=5, clock=atlas.clock, sleep=atlas.sleep)

    assert answer.text == "Looked: 1 appeared."
    assert PortRuntime.objects.get(port=81).first_seen_at == opened


@pytest.mark.django_db
def test_what_looks_of_one_time_told_is_told_of_the_last_alone():
    """N61: the clock was set back, and what the look before told is dated alike."""
    reconcile(sweep(listener(80), ticks=0, uptime=5000))
    reconcile(sweep(listener(80), listener(81), ticks=1, uptime=5015))
    now = sweep(*map(listener, (80, 81, 82)), ticks=-9, uptime=5030)
    atlas = Time(lambda: reconcile(now))

    answer = ask("atlas", patience=5, clock=atlas.clock, sleep=atlas.sleep)

    assert (answer.text, answer.looked_at) == ("Looked: 1 appeared.", NOON + TICK)


@pytest.mark.django_db
def test_a_look_that_failed_says_why(worker, fake_ss):
    fake_ss("exit 1")

    answer = ask(worker, patience=30)

    assert (answer.verdict, answer.is_believed) == (Verdict.FAILED, False)
    assert answer.text == (
        "The look failed; what was known stays as it was. ss ended with code 1: it said nothing"
    )


@pytest.mark.django_db
def test_a_partial_look_says_what_it_leaves_open():
    reconcile(sweep(listener(80), listener(81)))
    partial = sweep(listener(80), ticks=1, verdict=Verdict.PARTIAL, reason="1 row was odd.")
    atlas = Time(lambda: reconcile(partial))

    answer = ask("atlas", patience=5, clock=atlas.clock, sleep=atlas.sleep)

    assert answer.is_believed
    assert answer.text == (
        "Looked: nothing has changed. Not all could be read, so that nothing counts as gone. "
        "1 row was odd."
    )


@pytest.mark.django_db
def test_a_look_that_is_refused_says_why(worker):
    ask(worker, patience=30)
    Host.objects.update(machine_id="of another machine")

    answer = ask(worker, patience=30)

    assert (answer.verdict, answer.is_believed, answer.looked_at) == (None, False, None)
    assert answer.text.startswith(f"The look was refused. Host '{worker}' is machine of another")


@pytest.mark.django_db
def test_the_second_look_at_what_is_doubted_has_the_last_word():
    reconcile(sweep(*map(listener, range(1, 11))))
    again = sweep(listener(1), ticks=2)
    atlas = Time(
        lambda: reconcile(sweep(listener(1), ticks=1)),
        lambda: reconcile(again, confirmed=True),
    )

    answer = ask("atlas", patience=5, clock=atlas.clock, sleep=atlas.sleep)

    assert (answer.verdict, answer.disappeared) == (Verdict.COMPLETE, 9)


@pytest.mark.django_db
def test_a_look_that_stays_doubtful_is_told_when_patience_ends():
    reconcile(sweep(*map(listener, range(1, 11))))
    atlas = Time(lambda: reconcile(sweep(listener(1), ticks=1)))

    answer = ask("atlas", patience=5, clock=atlas.clock, sleep=atlas.sleep)

    assert (answer.verdict, answer.is_believed) == (Verdict.SUSPECT, False)
    assert answer.text.endswith("what was known stays as it was. 9 of 10 ports are gone at once.")


@pytest.mark.django_db
def test_a_clock_that_was_set_back_hides_no_look():
    """N61: the look is dated like the one before."""
    reconcile(sweep(listener(80), uptime=5000))
    atlas = Time(lambda: reconcile(sweep(listener(80), ticks=-9, uptime=5015)))

    answer = ask("atlas", patience=5, clock=atlas.clock, sleep=atlas.sleep)

    assert (answer.verdict, answer.looked_at) == (Verdict.COMPLETE, NOON)


@pytest.mark.django_db
def test_the_host_is_glanced_at_four_times_a_second_at_most():
    atlas = Time()

    ask("atlas", patience=3.1, clock=atlas.clock, sleep=atlas.sleep)

    assert atlas.naps[:-1] == [EVERY] * 12
    assert atlas.naps[-1] == pytest.approx(0.1)
    assert EVERY >= 0.25


@pytest.mark.django_db
def test_without_a_worker_it_is_said_what_to_do(queue):
    answer = ask("atlas", patience=0.5)

    assert answer.text.startswith("Nobody looked within 0.5 s. Is `python3 manage.py up`, or a")
    assert (answer.verdict, answer.is_believed) == (None, False)
    assert len(messages(queue)) == 1


@pytest.mark.django_db
@pytest.mark.parametrize("kind", ["closed", "silent", "full"])
def test_a_redis_that_does_not_answer_is_told_and_not_waited_for(monkeypatch, kind):
    with closing(socket.socket()) as server, closing(socket.socket()) as other:
        server.bind((HERE, 0))
        address = server.getsockname()
        if kind != "closed":
            server.listen(0 if kind == "full" else 5)
        if kind == "full":
            other.connect(address)
        monkeypatch.setitem(app.conf, "broker_url", f"redis://{HERE}:{address[1]}/0")

        answer = ask("atlas", patience=0.5)

    assert answer.text.startswith("Nobody could be asked to look, for the queue can't be used: ")
    assert "PORTATLAS_BROKER_URL" in answer.text
    assert not answer.is_believed


@pytest.mark.django_db
def test_a_queue_that_has_no_room_is_told(monkeypatch, tmp_path):
    (tmp_path / "file").touch()
    options = {"folder": str(tmp_path / "file" / "queue")}
    monkeypatch.setitem(app.conf, "broker_transport_options", options)

    answer = ask("atlas", patience=0.5)

    assert "the queue can't be used: [Errno 20] Not a directory" in answer.text


def test_a_worker_that_comes_late_looks_for_those_who_still_wait_alone(tmp_path, new_database):
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(tmp_path),
        "PORTATLAS_BOOTSTRAP": "off",
        "PORTATLAS_DATA": str(tmp_path / "data"),
        "PORTATLAS_HOST_ID": "it",
    }

    def python(*arguments):
        return subprocess.Popen(  # noqa: S603  # our own interpreter
            [sys.executable, *arguments],
            env=environment,
            cwd=CHECKOUT,
            stdout=subprocess.PIPE,
            text=True,
        )

    def shell(script):
        return python("manage.py", "shell", "-v0", "-c", script).communicate()[0]

    new_database(tmp_path / "data")
    unheard = shell(UNHEARD)
    waiting = messages(tmp_path / "data" / "queue")

    worker = python("-m", "celery", "-A", "portatlas", "--quiet", "worker", "--pool", "solo")
    heard = shell(HEARD)
    worker.terminate()
    worker.communicate()

    assert unheard.count("Nobody looked within 0.1 s.") == len(waiting) == 4
    assert heard == "('complete', 1, 'Looked: ')\n"
    assert messages(tmp_path / "data" / "queue") == []
