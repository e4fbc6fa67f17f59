"""`backup` and `restore`, on the database that the tests run on."""

import io
import json
import os
import resource
import stat
import subprocess
import sys
import tarfile
from contextlib import contextmanager
from pathlib import Path

import pytest
import time_machine
from django.core.management import call_command
from django.db import connection
from django.urls import reverse

from collector.models import Host, PortRuntime
from notes.models import PortNote
from portatlas import datadir
from portatlas.backup.archive import Writer
from portatlas.backup.manifest import KINDS
from portatlas.notifications import vault
from portatlas.notifications.models import Channel
from portatlas.terminal.exits import Exit
from tests.conftest import NOON
from tests.portatlas.backup.conftest import KEY, PASSWORD, SECRET


@pytest.fixture
def backup(site, tmp_path):
    """A backup of the installation, made at noon."""
    with time_machine.travel(NOON, tick=False):
        assert site.run("backup", tmp_path / "one.tar")[2] == Exit.DONE
    return tmp_path / "one.tar"


def change_everything():
    PortNote.objects.all().delete()
    PortRuntime.objects.filter(port=80).delete()
    Host.objects.create(host_id="later", last_look_at=NOON, verdict="complete", owners_seen="all")


def members(file) -> dict[str, bytes]:
    with tarfile.open(file) as archive:
        return {each.name: archive.extractfile(each).read() for each in archive}


def write(file, contents: dict[str, bytes]) -> None:
    """Write a backup with right checksums, whatever is in it."""
    with file.open("wb") as out:
        writer = Writer(out, NOON)
        for name, data in contents.items():
            if name != "SHA256SUMS":
                writer.add(name, data)
        writer.close()


def with_manifest(file, **values) -> None:
    """Write a backup again, with another manifest and right checksums."""
    contents = members(file)
    manifest = json.loads(contents["manifest.json"]) | values
    write(file, contents | {"manifest.json": json.dumps(manifest).encode()})


def test_a_restore_brings_back_every_row_and_who_may_log_in(site, backup, client):
    before = site.rows()
    change_everything()

    out, err, code = site.run("restore", backup)

    assert (err, code) == ("", Exit.DONE)
    assert site.rows() == before
    assert "hosts                1             2" in out.decode()
    login = {"username": "admin", "password": PASSWORD}
    assert client.post(reverse("login"), login).headers["Location"] == reverse("board")
    assert site.left_over() == []


def test_after_a_restore_new_rows_get_new_numbers_and_ranks(site, backup):
    site.run("restore", backup)

    PortNote.objects.create(host_id="atlas", protocol="tcp", port=81, title="New")

    with connection.cursor() as cursor:
        cursor.execute("SELECT port FROM portatlas_standing ORDER BY port")
        assert cursor.fetchall() == [(22,), (80,), (81,)]


def test_a_backup_tells_what_is_in_it(backup):
    contents = members(backup)
    manifest = json.loads(contents["manifest.json"])

    assert [*contents][0::2] == ["manifest.json", "SHA256SUMS"]
    assert manifest["format_version"] == 1
    assert manifest["database"] == connection.vendor
    assert manifest["made_at"] == "2026-01-01T12:00:00Z"
    assert manifest["counts"] == {
        "hosts": 1,
        "ports": 2,
        "events": 2,
        "notes": 1,
        "reservations": 0,
        "users": 1,
        "tokens": 0,
    }
    assert "0001_initial" in manifest["migrations"]["collector"]
    assert manifest["size"] == len([*contents.values()][1])


def test_standard_tools_check_a_backup(backup, tmp_path):
    subprocess.run(["tar", "xf", backup], cwd=tmp_path, check=True)  # noqa: S603, S607  # of every system
    check = subprocess.run(
        ["sha256sum", "--check", "SHA256SUMS"],  # noqa: S607  # as above
        cwd=tmp_path,
        check=False,
        capture_output=True,
    )

    assert (check.returncode, check.stdout.count(b": OK\n")) == (0, 2)


def test_a_backup_is_its_owners_alone_and_replaces_nothing_unasked(site, backup):
    content = backup.read_bytes()

    _out, why, code = site.run("backup", backup)
    assert (why, code) == (
        f"{backup} is there already. Name another file, or say --force.",
        Exit.USAGE,
    )
    assert backup.read_bytes() == content

    assert site.run("backup", backup, "--force")[2] == Exit.DONE
    assert stat.S_IMODE(backup.stat().st_mode) == 0o600
    assert backup.read_bytes() != content


def test_the_folder_of_a_backup_may_be_named_by_a_link(site, tmp_path):
    (tmp_path / "disk").mkdir()
    (tmp_path / "backups").symlink_to("disk")

    assert site.run("backup", tmp_path / "backups" / "one.tar")[2] == Exit.DONE

    assert [path.name for path in (tmp_path / "disk").iterdir()] == ["one.tar"]


@pytest.mark.parametrize("name", ["", "nowhere/backup.tar"])
def test_what_is_no_file_is_refused(site, tmp_path, name):
    assert site.run("backup", tmp_path / name)[2] == Exit.USAGE


def test_a_full_disk_leaves_the_backup_that_was_there(site, backup):
    content = backup.read_bytes()

    with no_file_longer_than(50_000):
        _out, why, code = site.run("backup", backup, "--force")

    assert code == Exit.FAILED
    assert why
    assert backup.read_bytes() == content
    assert [path.name for path in backup.parent.glob(".*")] == []


def test_a_full_disk_leaves_the_database_that_was_there(site, backup):
    change_everything()
    before = site.rows()

    with no_file_longer_than(50_000):
        _out, why, code = site.run("restore", backup)

    assert (code, "Nothing" in why) == (Exit.FAILED, True)
    assert (site.rows(), site.left_over()) == (before, [])


@contextmanager
def no_file_longer_than(size: int):
    """Let the kernel refuse to write more, as a full disk does."""
    _soft, hard = before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_dry_run_says_what_would_change_and_changes_nothing(site, backup):
    told = json.loads(members(backup)["manifest.json"])
    what = f"Port Atlas {told['version']} from {KINDS[connection.vendor]}"
    change_everything()
    before = site.rows()

    out, err, code = site.run("restore", backup, "--dry-run")

    assert (err, code) == ("", Exit.DONE)
    assert out.decode().splitlines() == [
        f"Backup of 2026-01-01 12:00:00 UTC, made on {told['host_id']} by {what} {told['server']}.",
        "                 in it      here now",
        "hosts                1             2",
        "ports                2             1",
        "events               2             1",
        "notes                1             0",
        "reservations         0             0",
        "users                1             1",
        "tokens               0             0",
        "Its secret key is the one here.",
        "All of it is whole and can be restored. This was a dry run: nothing has changed.",
    ]
    assert (site.rows(), site.left_over()) == (before, [])


def test_what_was_brought_up_to_date_since_is_so_after_a_restore(site, tmp_path):
    latest = site.rows()["django_migrations"]
    call_command("migrate", "notifications", "0002", verbosity=0)
    site.run("backup", tmp_path / "old.tar")
    call_command("migrate", verbosity=0)

    _out, err, code = site.run("restore", tmp_path / "old.tar")

    assert (err, code) == ("", Exit.DONE)
    assert len(site.rows()["django_migrations"]) == len(latest)
    assert Channel.objects.get().name == "hook"


def test_a_backup_that_counts_other_things_is_restored(site, backup):
    with_manifest(backup, counts={"hosts": 1, "ships": 7})
    before = site.rows()

    assert site.run("restore", backup)[1:] == ("", Exit.DONE)
    assert site.rows() == before


OTHER = {"sqlite": "postgresql", "postgresql": "sqlite"}
NEWER = {"collector": ["0001_initial", "9999_from_the_future"]}


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        ({"format_version": 2}, "its format is 2"),
        ({"version": "99.0"}, "a backup of Port Atlas 99.0"),
        ({"migrations": NEWER}, "collector.9999_from_the_future, which is unknown here"),
        ({"database": OTHER[connection.vendor]}, "one is not turned into the other"),
        ({"counts": {"hosts": 7}}, "does not hold what its manifest says"),
        ({"migrations": {"collector": []}}, "does not hold what its manifest says"),
    ],
)
def test_a_backup_that_does_not_belong_here_is_refused(site, backup, changed, why):
    with_manifest(backup, **changed)
    before = site.rows()

    _out, err, code = site.run("restore", backup)

    assert (why in err, code) == (True, Exit.USAGE)
    assert (site.rows(), site.left_over()) == (before, [])


@pytest.mark.parametrize("at", [0.2, 0.9])
def test_a_damaged_backup_is_refused(site, backup, at):
    damaged = bytearray(backup.read_bytes())
    damaged[int(at * len(damaged))] ^= 1
    backup.write_bytes(damaged)
    before = site.rows()

    _out, err, code = site.run("restore", backup)

    assert ("damaged" in err, code) == (True, Exit.USAGE)
    assert (site.rows(), site.left_over()) == (before, [])


def test_a_database_that_is_none_is_refused(site, backup):
    contents = members(backup)
    name = [*contents][1]
    write(backup, contents | {name: contents[name][:100] + bytes(len(contents[name]) - 100)})
    before = site.rows()

    _out, err, code = site.run("restore", backup)

    assert ("This backup can't be used" in err, code) == (True, Exit.USAGE)
    assert (site.rows(), site.left_over()) == (before, [])


def test_nothing_is_restored_while_port_atlas_is_up(site, backup):
    holder = (
        "import fcntl, sys; f = open(sys.argv[1]); fcntl.flock(f, 2); print(flush=True); input()"
    )
    lock = site.data / "up.lock"
    lock.write_text("http://127.0.0.1:8000/ (process 7)\n")
    with subprocess.Popen(  # noqa: S603  # our own interpreter
        [sys.executable, "-c", holder, lock], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as up:
        up.stdout.readline()

        _out, err, code = site.run("restore", backup)

        assert ("already up" in err, "process 7" in err, code) == (True, True, Exit.FAILED)
        assert site.run("restore", backup, "--dry-run")[2] == Exit.DONE
        up.communicate(b"\n")


def test_the_secret_key_is_in_a_backup_only_if_asked(site, backup, tmp_path):
    _out, said, _code = site.run("backup", tmp_path / "with.tar", "--with-secrets")

    assert "The secret key is in it" in said
    assert members(tmp_path / "with.tar")["secret_key"] == KEY.encode()
    assert KEY.encode() not in backup.read_bytes()


def test_an_installation_with_another_key_takes_that_of_the_backup(site, tmp_path, settings):
    site.run("backup", tmp_path / "with.tar", "--with-secrets")
    settings.SECRET_KEY = "another"
    (site.data / "secret_key").write_text("another")

    with time_machine.travel(NOON, tick=False):
        out, _err, code = site.run("restore", tmp_path / "with.tar")

    assert (f"comes into {site.data}/secret_key" in out.decode(), code) == (True, Exit.DONE)
    assert vault.unseal(Channel.objects.get().sealed, [read(site.data / "secret_key")]) == SECRET
    assert stat.S_IMODE((site.data / "secret_key").stat().st_mode) == 0o600
    assert read(site.data / "secret_key.before-20260101T120000Z") == "another"


def read(file) -> str:
    return file.read_text()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "made under another secret key, which is not in it"),
        (["--with-secrets"], "not that of /run/key (PORTATLAS_SECRET_KEY_FILE), which goes on"),
    ],
)
def test_a_key_that_the_environment_names_is_left_alone(site, tmp_path, settings, arguments, said):
    site.run("backup", tmp_path / "a.tar", *arguments)
    settings.SECRET_KEY = "of the environment"
    settings.PORTATLAS_SECRET_KEY_SOURCE = "/run/key (PORTATLAS_SECRET_KEY_FILE)"
    (site.data / "secret_key").write_text("of the environment")  # it was copied from there once

    out, _err, code = site.run("restore", tmp_path / "a.tar")

    assert (said in out.decode(), code) == (True, Exit.DONE)
    assert read(site.data / "secret_key") == "of the environment"


@pytest.mark.parametrize(
    ("variable", "place"),
    [
        ("PORTATLAS_SECRET_KEY", "PORTATLAS_SECRET_KEY"),
        ("PORTATLAS_SECRET_KEY_FILE", "{file} (PORTATLAS_SECRET_KEY_FILE)"),
        ("PORTATLAS_LOG_LEVEL", "{data}/secret_key"),
    ],
)
def test_the_key_to_keep_is_looked_for_where_it_is(site, tmp_path, variable, place):
    (tmp_path / "key").write_text(KEY)
    value = {"PORTATLAS_SECRET_KEY": KEY, "PORTATLAS_LOG_LEVEL": "INFO"}.get(
        variable, str(tmp_path / "key")
    )

    done = subprocess.run(  # noqa: S603  # our own manage.py
        [sys.executable, "manage.py", "backup", tmp_path / "one.tar"],
        env=site.environment | {variable: value},
        capture_output=True,
        text=True,
        check=True,
    )

    kept = place.format(file=tmp_path / "key", data=site.data)
    assert f"The secret key is not in it. Keep {kept} too, or say" in done.stderr


@pytest.mark.parametrize("key", ["two\nlines", "ü" * 60, "k" * 5000])
def test_whatever_was_the_key_comes_back(site, tmp_path, settings, key):
    settings.SECRET_KEY = key
    site.run("backup", tmp_path / "with.tar", "--with-secrets")
    settings.SECRET_KEY = "another"
    (site.data / "secret_key").write_text("another")

    assert site.run("restore", tmp_path / "with.tar")[2] == Exit.DONE

    assert datadir.secret_key(site.data) == key


def test_a_key_that_somebody_who_was_killed_began_to_write_is_in_nobodys_way(
    site, tmp_path, settings
):
    site.run("backup", tmp_path / "with.tar", "--with-secrets")
    settings.SECRET_KEY = "another"
    (site.data / "secret_key").write_text("another")
    (site.data / f".secret_key.{os.getpid()}").write_text("a key of sixty")

    assert site.run("restore", tmp_path / "with.tar")[2] == Exit.DONE

    assert (read(site.data / "secret_key"), site.left_over()) == (KEY, [])


def test_a_pipe_gets_a_backup_and_gives_one(site, tmp_path, monkeypatch):
    before = site.rows()
    out, err, code = site.run("backup", "-")
    change_everything()
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(out)))

    restored = site.run("restore", "-")

    assert (code, restored[2], "The backup is written" in err) == (Exit.DONE, Exit.DONE, True)
    assert site.rows() == before


def test_a_pipe_that_takes_no_more_is_an_error(site):
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run(
            [sys.executable, "manage.py", "backup", "-"],
            env=site.environment,
            stdout=full,
            stderr=subprocess.PIPE,
            check=False,
        )

    assert (done.returncode, b"No space left on device" in done.stderr) == (Exit.FAILED, True)
    assert site.left_over() == []
