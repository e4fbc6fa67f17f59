"""The spool of the agent, on a real disk, as agents that died at any moment left it."""

import subprocess
import sys
from datetime import datetime

import pytest

from collector.agent.report import Report
from collector.agent.spool import BLOCK, DamagedError, Spool, SpoolError
from collector.sweep import Verdict
from tests.collector.sweeps import listener, sweep

WRITER = """
import sys
from datetime import datetime, timezone
from pathlib import Path
from collector.agent.report import Report
from collector.agent.spool import Spool
from collector.sweep import Sweep, Verdict

spool = Spool(Path(sys.argv[1]), "atlas", most_reports=50)
for number in range(1_000_000):
    taken_at = datetime.fromtimestamp(number, timezone.utc)
    look = Sweep("atlas", taken_at, Verdict.COMPLETE, reason=str(number // 3))
    spool.put(Report.of(look))
    if number % 4 == 3:
        spool.pop()
    print(number, flush=True)
"""


def report(number, *ports, **fields):
    """The report of the look that was the so manieth, which saw these ports."""
    return Report.of(sweep(*map(listener, ports or (22,)), ticks=number, **fields))


def names(folder):
    return sorted(path.suffix for path in folder.glob("0*"))


def all_of(spool):
    """Return what is in a spool, the oldest first, which empties it."""
    found = []
    while (first := spool.first()) is not None:
        found.append((first.taken_at, [each["port"] for each in first.listeners()]))
        spool.pop()
    return found


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "spool"


def test_reports_come_back_in_order_and_as_they_were(folder):
    spool = Spool(folder, "atlas")
    reports = [report(0), report(1), report(2, 22, 80), report(3, 22, 80), report(4)]

    for each in reports:
        spool.put(each)

    assert names(folder) == [".same", ".same", ".whole", ".whole", ".whole"]
    assert len(spool) == 5
    assert all_of(spool) == [
        (each.taken_at, [item["port"] for item in each.listeners()]) for each in reports
    ]
    assert names(folder) == []


def test_another_process_finds_what_one_left(folder):
    first = Spool(folder, "atlas")
    for number in range(4):
        first.put(report(number))
    first.pop()  # the only one that has the listeners
    first.close()

    spool = Spool(folder, "atlas")

    assert len(spool) == 3
    assert [ports for _, ports in all_of(spool)] == [[22], [22], [22]]
    assert names(folder) == []


def test_what_is_put_after_a_restart_needs_no_listeners_if_it_brings_no_news(folder):
    first = Spool(folder, "atlas")
    first.put(report(0))
    first.close()

    Spool(folder, "atlas").put(report(1))

    assert names(folder) == [".same", ".whole"]


def test_a_hundred_looks_without_news_take_a_block_each_and_one_has_the_listeners(folder):
    spool = Spool(folder, "atlas", most_bytes=101 * BLOCK)
    many = range(1, 101)

    for number in range(100):
        spool.put(report(number, *many))

    assert spool.dropped == 0
    assert max(path.stat().st_size for path in folder.glob("*.same")) < 700


@pytest.mark.parametrize("verdict", [Verdict.PARTIAL, Verdict.FAILED, Verdict.SUSPECT])
def test_a_look_that_is_not_complete_is_kept_whole(folder, verdict):
    spool = Spool(folder, "atlas")

    for number in range(2):
        spool.put(report(number, verdict=verdict))

    assert names(folder) == [".whole", ".whole"]


def test_beyond_so_many_the_oldest_are_dropped_and_counted(folder):
    spool = Spool(folder, "atlas", most_reports=3)
    reports = [report(number) for number in range(5)]

    for each in reports:
        spool.put(each)

    assert spool.dropped == 2
    assert [when for when, _ in all_of(spool)] == [each.taken_at for each in reports[2:]]


def test_beyond_so_many_bytes_the_oldest_are_dropped_and_counted(folder):
    spool = Spool(folder, "atlas", most_bytes=3 * BLOCK)

    for number in range(5):
        spool.put(report(number, number + 1))

    assert spool.dropped == 2
    assert [ports for _, ports in all_of(spool)] == [[3], [4], [5]]


def test_a_report_for_which_there_is_no_room_at_all_is_dropped(folder):
    spool = Spool(folder, "atlas", most_bytes=BLOCK - 1)

    spool.put(report(0))

    assert (len(spool), spool.dropped, names(folder)) == (0, 1, [])


def test_what_the_disk_refuses_changes_nothing(folder):
    spool = Spool(folder, "atlas")
    spool.put(report(0))
    (folder / "draft").mkdir()  # so that no file can be written

    with pytest.raises(OSError, match="directory"):
        spool.put(report(1, 80))

    assert [ports for _, ports in all_of(spool)] == [[22]]


@pytest.mark.parametrize(
    "damage", [b"", b"no gzip", b"\x1f\x8b\x08\x00", b"[1]", b"{}", b"[" * 99999]
)
@pytest.mark.parametrize("suffix", [".whole", ".same"])
def test_a_damaged_file_is_told_from_a_report(folder, suffix, damage):
    spool = Spool(folder, "atlas")
    spool.put(report(0))
    spool.put(report(1))
    next(folder.glob(f"*{suffix}")).write_bytes(damage)

    if suffix == ".same":
        spool.pop()

    with pytest.raises(DamagedError):
        spool.first()


def test_what_lost_its_listeners_is_dropped_and_counted(folder):
    first = Spool(folder, "atlas")
    for number in range(3):
        first.put(report(number))
    first.put(report(3, 80))
    first.close()
    min(folder.glob("*.whole")).unlink()

    spool = Spool(folder, "atlas")

    assert spool.dropped == 2
    assert [ports for _, ports in all_of(spool)] == [[80]]


def test_what_was_kept_under_another_name_of_the_host_is_dropped(folder):
    first = Spool(folder, "before")
    for number in range(3):
        first.put(report(number, host_id="before"))
    first.close()

    spool = Spool(folder, "atlas")

    assert (len(spool), spool.dropped, names(folder)) == (0, 3, [])


def test_one_process_at_a_time_disposes_of_it(folder):
    first = Spool(folder, "atlas")

    with pytest.raises(SpoolError, match="Another agent is using"):
        Spool(folder, "atlas")

    first.close()
    Spool(folder, "atlas").close()


def test_a_folder_that_can_not_be_is_told_in_a_sentence(tmp_path):
    (tmp_path / "file").touch()

    with pytest.raises(SpoolError, match=r"can't be kept in .*: Not a directory\."):
        Spool(tmp_path / "file" / "spool", "atlas")


def test_nobody_else_can_read_it(folder):
    spool = Spool(folder, "atlas")
    spool.put(report(0))

    modes = {path.stat().st_mode & 0o777 for path in folder.iterdir()}

    assert (folder.stat().st_mode & 0o777, modes) == (0o700, {0o600})


def test_whenever_an_agent_is_killed_its_spool_is_whole(folder):
    """Of fifty at most, none is missing between the first and the last."""
    for attempt in range(4):
        writer = subprocess.Popen(  # noqa: S603  # our own script
            [sys.executable, "-c", WRITER, folder], stdout=subprocess.PIPE, text=True
        )
        for _ in range(20 + 17 * attempt):
            writer.stdout.readline()
        writer.kill()
        last = int((writer.stdout.read().split() or [0])[-1])
        writer.wait()
        writer.stdout.close()

        spool = Spool(folder, "atlas")
        numbers = [datetime.fromisoformat(when).timestamp() for when, _ in all_of(spool)]
        spool.close()

        assert spool.dropped == 0
        assert numbers == [numbers[0] + each for each in range(len(numbers))]
        assert last <= numbers[-1]
