"""What waits for a hub, on disks that are full, damaged or refuse to take any more."""

import gzip
import json
from datetime import timedelta

import pytest

from collector.agent.outbox import Known, Outbox
from collector.agent.spool import Spool
from tests.collector.test_agent_spool import names, report
from tests.conftest import NOON

ONLY_NEWEST = (
    "portatlas-agent: The disk takes no more sweeps: Is a directory. Of those to come only the "
    "newest is kept; see --spool."
)
NO_ROOM = "portatlas-agent: There is no room for more sweeps: the oldest are dropped."
UNREADABLE = "portatlas-agent: Sweeps that were kept can't be read, and are dropped."


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "spool"


@pytest.fixture
def said(capsys):
    """Return a function that returns the lines that were said since it was last asked."""

    def said():
        return capsys.readouterr().err.splitlines()

    return said


def clock():
    return NOON


def newest(outbox):
    report, _ = outbox.first(None)
    return report.taken_at


def test_what_the_disk_refuses_waits_in_memory_until_a_newer_one_comes(folder, said):
    outbox = Outbox(Spool(folder, "atlas"), clock)
    (folder / "draft").mkdir()  # so that no file can be written
    first, second = report(0), report(1)

    outbox.put(first)
    outbox.keep()
    waited = newest(outbox)
    outbox.put(second)
    outbox.keep()

    assert (waited, newest(outbox)) == (first.taken_at, second.taken_at)
    assert (len(outbox), outbox.dropped) == (1, 1)
    assert said() == [ONLY_NEWEST]


def test_what_waited_in_memory_goes_to_the_disk_as_soon_as_it_takes_it(folder, said):
    outbox = Outbox(Spool(folder, "atlas"), clock)
    (folder / "draft").mkdir()
    outbox.put(report(0))
    outbox.keep()

    (folder / "draft").rmdir()
    kept = outbox.put_away()

    assert (kept, outbox.dropped, names(folder)) == (1, 0, [".whole"])


def test_what_no_disk_took_until_the_end_is_counted_as_dropped(folder, said):
    outbox = Outbox(Spool(folder, "atlas"), clock)
    (folder / "draft").mkdir()
    outbox.put(report(0))

    assert (outbox.put_away(), outbox.dropped) == (0, 1)


def test_that_there_is_no_room_is_said_once_each_time(folder, said):
    spool = Spool(folder, "atlas", most_reports=2)
    outbox = Outbox(spool, clock)

    for number in range(5):
        outbox.put(report(number))
        outbox.keep()
    first = said()
    while spool.first():
        spool.pop()
    for number in range(5, 10):
        outbox.put(report(number))
        outbox.keep()

    assert (first, said()) == ([NO_ROOM], [NO_ROOM])
    assert outbox.dropped == 6


def test_that_many_can_not_be_read_is_said_once(folder, said):
    spool = Spool(folder, "atlas")
    for number in range(9):
        spool.put(report(number))
    next(folder.glob("*.whole")).write_bytes(b"")

    outbox = Outbox(spool, clock)

    assert outbox.first(Known("another", "ab")) is None
    assert outbox.dropped == 9
    assert said() == [UNREADABLE]


def test_what_was_kept_under_another_name_is_told_at_once(folder, said):
    before = Spool(folder, "before")
    for number in range(3):
        before.put(report(number, host_id="before"))
    before.close()

    Outbox(Spool(folder, "atlas"), clock)

    assert said() == [
        "portatlas-agent: What was kept under another name, or in part, is dropped: 3."
    ]


def test_each_report_says_when_it_goes_out_by_the_clock_of_its_looks(folder):
    """However long it waited, and each time that it is sent: what waits does not say so."""
    times = [NOON + timedelta(hours=hours) for hours in (1, 2, 3)]
    outbox = Outbox(Spool(folder, "atlas"), iter(times).__next__)
    outbox.put(report(0))
    outbox.keep()

    bodies = [outbox.first(None)[1], outbox.first(None)[1]]
    bodies.append(outbox.first(Known(report(0).content, "ab"))[1])

    said = [
        json.loads(gzip.decompress(each.data) if each.is_gzip else each.data) for each in bodies
    ]
    assert [each["sent_at"] for each in said] == [time.isoformat() for time in times]
    assert [each["taken_at"] for each in said] == [NOON.isoformat()] * 3
    assert "listeners" not in said[2]
    [kept] = folder.glob("0*")
    assert "sent_at" not in json.loads(gzip.decompress(kept.read_bytes()))
