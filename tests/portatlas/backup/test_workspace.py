"""What is not finished: whose it is, and when it goes."""

import io
import stat

import pytest

from portatlas.backup import disk
from portatlas.backup.faults import BackupError
from portatlas.backup.progress import Progress
from portatlas.backup.workspace import PREFIX, workspace
from tests.conftest import NOON


def test_a_workspace_is_private_and_goes_in_the_end(tmp_path):
    with workspace(tmp_path) as folder:
        (folder / "file").touch()

        assert stat.S_IMODE(folder.stat().st_mode) == 0o700

    assert [*tmp_path.iterdir()] == []


def test_what_the_dead_have_left_goes_and_what_the_living_have_stays(tmp_path):
    (tmp_path / f"{PREFIX}dead").mkdir()
    (tmp_path / f"{PREFIX}dead" / "database").touch()
    (tmp_path / f"{PREFIX}link").symlink_to("/")
    (tmp_path / "other").mkdir()

    with workspace(tmp_path) as living, workspace(tmp_path) as other:
        assert {*tmp_path.iterdir()} == {
            living,
            other,
            tmp_path / "other",
            tmp_path / f"{PREFIX}link",
        }


def test_the_old_file_stays_once_another_has_its_place_whatever_happens_then(tmp_path):
    def replace():
        with disk.kept_aside(old, NOON):
            new.rename(old)
            raise KeyboardInterrupt

    old, new = tmp_path / "file", tmp_path / "new"
    old.write_text("old")
    new.write_text("new")

    with pytest.raises(KeyboardInterrupt):
        replace()

    assert {path.read_text() for path in tmp_path.iterdir()} == {"old", "new"}


def test_a_file_whose_place_nothing_took_has_one_name(tmp_path):
    old = tmp_path / "file"
    old.write_text("old")

    with pytest.raises(KeyboardInterrupt), disk.kept_aside(old, NOON):
        raise KeyboardInterrupt

    assert [*tmp_path.iterdir()] == [old]


def test_too_little_room_is_said_before_anything_is_written(tmp_path):
    with pytest.raises(BackupError, match=r"1000000.0 TB are needed .* Nothing has changed"):
        disk.need(10**18, tmp_path)


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_a_terminal_is_told_how_far_it_is_five_times_a_second():
    out, clock = Terminal(), iter([0, 0.1, 0.3])
    progress = Progress(out, lambda: next(clock))

    progress.begin("Reading", 5_000_000)
    progress.add(1_000_000)
    progress.add(1_500_000)
    progress.end()

    assert out.getvalue().split("\r") == [
        "",
        "Reading: 0 B of 5.0 MB\x1b[K",
        "Reading: 2.5 MB of 5.0 MB\x1b[K",
        "\x1b[K",
    ]


def test_nobody_else_is_told_how_far_it_is():
    out = io.StringIO()
    progress = Progress(out)

    progress.begin("Reading")
    progress.add(1)
    progress.end()

    assert out.getvalue() == ""
