"""The file queue, by what its docstring promises. Processes are real and so are the kills."""

import json
import multiprocessing
import os
import select
import signal
import stat
from contextlib import contextmanager

import pytest
from kombu import Connection, Consumer, Producer, Queue

from portatlas import broker
from portatlas.celery import app  # noqa: F401  # importing it makes the scheme files:// known

QUEUE = Queue("celery")
WRITERS = 2
PATIENCE = 60  # seconds until a test gives up; none waits that long when all is well

spawn = multiprocessing.get_context("spawn")


@contextmanager
def connect(folder):
    with Connection("files://", transport_options={"folder": str(folder)}) as connection:
        yield connection


def publish(connection, *bodies):
    producer = Producer(connection, routing_key="celery", serializer="json")
    for body in bodies:
        producer.publish(body, declare=[QUEUE])


def drain(connection, *, ack=True, timeout=0):
    """Return the bodies of all waiting messages."""
    bodies = []

    def receive(body, message):
        bodies.append(body)
        if ack:
            message.ack()

    with Consumer(connection, QUEUE, callbacks=[receive], accept=["json"]):
        try:
            while True:
                connection.drain_events(timeout=timeout)
        except TimeoutError:
            return bodies


def write_numbers(folder, numbers):
    with connect(folder) as connection:
        publish(connection, *numbers)


def read_numbers(folder, done, results):
    """Read as fast as possible, until the writers are done and nothing is left."""
    bodies = []
    with connect(folder) as connection:
        while not done.is_set():
            bodies += drain(connection, timeout=0.05)
        bodies += drain(connection)
    results.put(bodies)


def claim_and_hang(folder, claimed):
    with connect(folder) as connection:
        drain(connection, ack=False)
        claimed.set()
        signal.pause()


def claims(folder):
    return [file for file in folder.glob("claimed/*/*") if file.is_file()]


@pytest.mark.parametrize(("readers", "messages"), [(1, 1000), (2, 10_000)])
def test_of_raced_messages_none_is_lost_and_none_comes_twice(readers, messages, tmp_path):
    done, results = spawn.Event(), spawn.Queue()
    reading = [
        spawn.Process(target=read_numbers, args=(tmp_path, done, results)) for _ in range(readers)
    ]
    writing = [
        spawn.Process(target=write_numbers, args=(tmp_path, range(start, messages, WRITERS)))
        for start in range(WRITERS)
    ]

    for process in reading + writing:
        process.start()
    for process in writing:
        process.join(PATIENCE)
    done.set()
    received = [number for _ in reading for number in results.get(timeout=PATIENCE)]
    for process in reading:
        process.join(PATIENCE)

    assert sorted(received) == list(range(messages))
    assert [process.exitcode for process in reading + writing] == [0] * (readers + WRITERS)


def test_messages_arrive_in_the_order_of_their_publication(tmp_path):
    with connect(tmp_path) as connection:
        publish(connection, "first", "second", "third")

        assert drain(connection) == ["first", "second", "third"]


def test_an_acknowledged_message_leaves_no_file(tmp_path):
    with connect(tmp_path) as connection:
        publish(connection, "sweep")
        drain(connection)

    assert sorted(path.name for path in tmp_path.rglob("*")) == ["bell", "claimed"]


def test_a_message_that_its_consumer_did_not_acknowledge_returns_when_it_closes(tmp_path):
    with connect(tmp_path) as connection:
        publish(connection, "sweep")
        drain(connection, ack=False)

    with connect(tmp_path) as connection:
        assert drain(connection) == ["sweep"]


def test_a_requeued_message_comes_again_and_a_rejected_one_does_not(tmp_path):
    with connect(tmp_path) as connection:
        channel = connection.channel()
        publish(connection, "sweep")

        channel.basic_get("celery").requeue()
        again = channel.basic_get("celery")
        again.reject()

        assert again.decode() == "sweep"
        assert channel.basic_get("celery") is None
        assert claims(tmp_path) == []


def test_a_consumer_that_never_acknowledges_gets_each_message_once(tmp_path):
    with connect(tmp_path) as connection:
        publish(connection, "sweep")

        message = connection.channel().basic_get("celery", no_ack=True)

        assert message.decode() == "sweep"
        assert claims(tmp_path) == []


def test_what_a_killed_consumer_had_claimed_returns_when_the_next_one_starts(tmp_path):
    claimed = spawn.Event()
    with connect(tmp_path) as connection:
        publish(connection, "sweep")
    victim = spawn.Process(target=claim_and_hang, args=(tmp_path, claimed))
    victim.start()
    assert claimed.wait(PATIENCE)

    os.kill(victim.pid, signal.SIGKILL)
    victim.join(PATIENCE)

    with connect(tmp_path) as connection:
        assert drain(connection) == ["sweep"]


def test_what_a_living_consumer_has_claimed_stays_with_it(tmp_path):
    with connect(tmp_path) as first, connect(tmp_path) as second:
        publish(first, "sweep")
        mine = first.channel().basic_get("celery")

        assert drain(second) == []
        mine.ack()


@pytest.mark.parametrize(
    "content",
    [b"", b"\xff\xfe", b"[]", b"{}", json.dumps({"properties": {}, "body": "?"}).encode()],
)
def test_an_unreadable_message_is_set_aside_and_the_next_one_is_delivered(
    tmp_path, caplog, content
):
    name = f"{0:020d}-0.celery"
    with connect(tmp_path) as connection:
        (tmp_path / name).write_bytes(content)
        publish(connection, "sweep")

        assert drain(connection) == ["sweep"]
    assert (tmp_path / "unreadable" / name).read_bytes() == content
    assert name in caplog.text


def test_messages_are_private_to_their_owner(tmp_path):
    folder = tmp_path / "queue"
    with connect(folder) as connection:
        publish(connection, "sweep")

        modes = {
            stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir() if not path.is_dir()
        }
        assert modes == {0o600}
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_queues_do_not_mix_whatever_they_are_called(tmp_path):
    with connect(tmp_path) as connection:
        channel = connection.channel()
        for queue in ("b", "a.b", "../a/b"):
            Producer(channel, routing_key=queue, serializer="json").publish(
                queue, declare=[Queue(queue)]
            )

        received = [channel.basic_get(queue).decode() for queue in ("b", "a.b", "../a/b")]

        assert received == ["b", "a.b", "../a/b"]
        assert channel.basic_get("b") is None


def test_purging_a_queue_removes_what_waits_in_it(tmp_path):
    with connect(tmp_path) as connection:
        publish(connection, 1, 2, 3)

        assert connection.channel().queue_purge("celery") == 3
        assert drain(connection) == []


def test_publishing_rings_the_bell_of_a_waiting_consumer(tmp_path):
    with connect(tmp_path) as consumer, connect(tmp_path) as publisher:
        drain(consumer)
        bell = consumer.transport.bell
        before, _, _ = select.select([bell], [], [], 0)

        publish(publisher, "sweep")
        after, _, _ = select.select([bell], [], [], PATIENCE)

        assert (before, after) == ([], [bell])


def test_an_idle_consumer_looks_once_and_sleeps(tmp_path, monkeypatch):
    """It doesn't poll; what comes when the time is up is found by the next call's look."""
    looks = []
    get = broker.Channel._get
    monkeypatch.setattr(
        broker.Channel, "_get", lambda self, queue: looks.append(queue) or get(self, queue)
    )

    with connect(tmp_path) as connection:
        drain(connection, timeout=0.3)

    assert looks == ["celery"]
