"""The settings as an installation meets them: in processes of their own."""

import os
import stat
import subprocess
import sys

import pytest


@pytest.fixture
def run(tmp_path):
    """Return a function that runs a management command in an environment of its own."""

    def run(*arguments, **environment):
        environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(tmp_path),
            "PORTATLAS_BOOTSTRAP": "off",
            "PORTATLAS_DATA": str(tmp_path / "data with spaces #1"),
        } | environment
        return subprocess.run(  # noqa: S603  # our own manage.py
            [sys.executable, "manage.py", *arguments],
            capture_output=True,
            text=True,
            env=environment,
            check=False,
        )

    return run


def test_check_deploy_is_clean_in_production(run):
    result = run(
        "check",
        "--deploy",
        "--fail-level",
        "WARNING",
        PORTATLAS_HTTPS="1",
        PORTATLAS_ALLOWED_HOSTS="atlas.example.org",
    )

    assert (result.returncode, result.stderr) == (0, "")


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("PORTATLAS_DEBUG", "maybe", "PORTATLAS_DEBUG must be true or false, not 'maybe'."),
        ("PORTATLAS_SS_TIMEOUT", "soon", "PORTATLAS_SS_TIMEOUT must be a whole number"),
        ("PORTATLAS_SS_TIMEOUT", "0", "PORTATLAS_SS_TIMEOUT must be 1 or more, not 0."),
        ("PORTATLAS_DATA", "~nobody-of-this-name/x", "set PORTATLAS_DATA to a folder"),
        ("PORTATLAS_LOG_LEVEL", "loud", "PORTATLAS_LOG_LEVEL must match DEBUG|INFO|"),
        ("PORTATLAS_HOST_ID", "a/b", "PORTATLAS_HOST_ID must match"),
        ("PORTATLAS_ALLOWED_HOSTS", "http://x", "PORTATLAS_ALLOWED_HOSTS must match"),
        ("PORTATLAS_BROKER_URL", "amqp://me:hunter2@x", "PORTATLAS_BROKER_URL must match"),
        ("DATABASE_URL", "oops://me:hunter2@x", "DATABASE_URL must be a URL like postgres://"),
        ("PORTATLAS_SECRET_KEY_FILE", "/nonexistent", "PORTATLAS_SECRET_KEY_FILE: "),
        ("PORTATLAS_SECRET_KEY_FILE", "/dev/null", "_KEY_FILE: /dev/null is empty."),
        ("PORTATLAS_DATA", "/proc/nowhere", "set PORTATLAS_DATA to a folder of your own"),
    ],
)
def test_a_malformed_setting_is_told_in_one_line(run, name, value, said):
    result = run("check", **{name: value})

    assert result.returncode != 0
    assert said in result.stderr
    assert "hunter2" not in result.stderr
    assert "Traceback" not in result.stderr
    assert len(result.stderr.strip().splitlines()) == 1


def test_the_data_directory_is_private(run, tmp_path):
    run("migrate", "contenttypes", "--verbosity", "0")  # no more than makes the file

    folder = tmp_path / "data with spaces #1"
    modes = {
        path.name: stat.S_IMODE(path.stat().st_mode)
        for path in (folder, folder / "secret_key", folder / "portatlas.sqlite3")
    }
    assert modes == {folder.name: 0o700, "secret_key": 0o600, "portatlas.sqlite3": 0o600}


def test_the_secret_key_is_made_once(run, tmp_path):
    run("check")
    first = (tmp_path / "data with spaces #1" / "secret_key").read_text()
    run("check")

    assert len(first) >= 50
    assert (tmp_path / "data with spaces #1" / "secret_key").read_text() == first


def test_the_schedule_is_made_by_the_migration_and_stays_as_edited(run, tmp_path, new_database):
    edit = (
        "from django_celery_beat.models import *; t = PeriodicTask.objects.get("
        "task='collector.tasks.collect'); assert (t.interval.every, t.interval.period) == "
        "(15, 'seconds'); assert t.expire_seconds < 15; t.interval.every = 60; t.interval.save()"
    )
    check = "from collector import schedule; print(schedule.interval())"
    new_database(tmp_path / "data with spaces #1")
    assert run("shell", "-v0", "-c", edit).stderr == ""

    run("migrate", "--verbosity", "0")

    assert run("shell", "-v0", "-c", check).stdout == "60.0\n"


def test_a_sqlite_url_keeps_the_settings_that_make_sqlite_safe(run, tmp_path):
    show = (
        "from django.db import connection as c; c.ensure_connection(); "
        "print(c.settings_dict['NAME'], c.transaction_mode, "
        "*c.cursor().execute('PRAGMA journal_mode').fetchone())"
    )

    said = run("shell", "-v0", "-c", show, DATABASE_URL=f"sqlite:///{tmp_path}/other.sqlite3")

    assert said.stdout == f"{tmp_path}/other.sqlite3 IMMEDIATE wal\n"


def test_an_empty_variable_is_none(run, tmp_path):
    show = "from django.conf import settings as s; print(s.ALLOWED_HOSTS[0], s.LOG_LEVEL)"

    said = run("shell", "-v0", "-c", show, PORTATLAS_ALLOWED_HOSTS="", PORTATLAS_LOG_LEVEL="")

    assert said.stdout == "localhost INFO\n"


def test_a_lost_database_is_told_by_readyz_and_no_matter_to_healthz(run):
    ask = (
        "from django.test import Client; c = Client(headers={'host': 'localhost'}); "
        "print(*((r.status_code, r.text) for r in (c.get('/healthz'), c.get('/readyz'))))"
    )

    said = run("shell", "-v0", "-c", ask, DATABASE_URL="postgres://x@127.0.0.1:1/x")

    assert said.stdout == (
        "(200, 'ok\\n') (503, '{\"database\": \"It does not answer: OperationalError.\"}')\n"
    )


def test_the_expiry_follows_the_interval_that_somebody_edits(run, tmp_path, new_database):
    edit = (
        "from django_celery_beat.models import *; t = PeriodicTask.objects.get("
        "task='collector.tasks.collect'); t.interval.every = {}; t.interval.save(); "
        "t.refresh_from_db(); print(t.expire_seconds)"
    )
    new_database(tmp_path / "data with spaces #1")

    said = [run("shell", "-v0", "-c", edit.format(every)).stdout for every in (60, 5, 1)]

    assert said == ["59\n", "4\n", "1\n"]
