"""From nothing but Python to a set-up environment: real processes, and no network but loopback."""

import ast
import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.portatlas.clone import CHECKOUT, PYTHON, Clone

RUN = ["--no-dev", "--inexact"]


@pytest.fixture
def clone(tmp_path):
    """Return a clone on a machine that has uv on its PATH."""
    clone = Clone(tmp_path)
    clone.put_uv_on_path()
    return clone


def options(call):
    """Return what a call of uv asked for beyond what every call asks for."""
    return call["arguments"][call["arguments"].index("--python") + 2 :]


def test_first_start_sets_up_and_goes_on_in_the_environment(clone):
    done = clone.start("check", "--deploy")

    prefix, cwd, *argv = json.loads(done.stdout)
    assert (prefix, cwd) == (str(clone.venv), str(clone.home))
    assert argv == [str(clone.folder / "manage.py"), "check", "--deploy"]
    assert [line.partition(" after ")[0] for line in done.stderr.splitlines()] == [
        f"port atlas: setting up {clone.venv} (first run only) ...",
        "port atlas: ready",
    ]


def test_unchanged_lock_is_never_installed_twice(clone):
    clone.start("check")

    again = clone.start("check")

    assert (again.returncode, again.stderr) == (0, "")
    assert [options(call) for call in clone.calls] == [RUN]


def test_changed_lock_is_installed(clone):
    clone.start("check")
    with (clone.folder / "uv.lock").open("a") as lock:
        lock.write("# changed\n")

    again = clone.start("check")

    assert again.returncode == 0
    assert [options(call) for call in clone.calls] == [RUN, RUN]


def test_environment_of_the_tests_is_good_for_everything(clone):
    for command in ("up", "test", "up"):
        clone.start(command)

    assert [options(call) for call in clone.calls] == [RUN, []]


@pytest.mark.parametrize(
    ("setting", "extra"),
    [
        ({"DATABASE_URL": "postgres://db/atlas"}, ["--extra", "postgres"]),
        ({"DATABASE_URL": "postgresql://db/atlas"}, ["--extra", "postgres"]),
        ({"DATABASE_URL_FILE": "/run/secrets/database"}, ["--extra", "postgres"]),
        ({"DATABASE_URL": "sqlite:////srv/atlas.sqlite3"}, []),
    ],
)
def test_postgres_is_installed_for_who_uses_it(clone, setting, extra):
    clone.start("check")

    clone.start("check", **setting)
    clone.start("check")

    assert [options(call) for call in clone.calls] == [RUN, RUN + extra][: 1 + bool(extra)]


def test_test_runs_pytest_in_the_checkout_and_ends_as_it_does(clone):
    done = clone.start("test", "-k", "one")

    assert done.returncode == 7
    assert json.loads(done.stdout) == [str(clone.venv), str(clone.folder), "-k", "one"]


def test_test_without_arguments_uses_all_cores(clone):
    done = clone.start("test")

    assert json.loads(done.stdout)[2:] == ["-n", "logical"]


def test_environment_may_be_elsewhere(clone, tmp_path):
    elsewhere = tmp_path / "elsewhere" / "env"

    done = clone.start("check", PORTATLAS_VENV=str(elsewhere))

    assert json.loads(done.stdout)[0] == str(elsewhere)
    assert not clone.venv.exists()
    assert not clone.private.exists()


def test_uv_hears_nothing_of_the_caller_but_how_to_reach_the_index(clone):
    heard = {"UV_INDEX_URL": "https://mirror/", "HTTPS_PROXY": "http://proxy/"}
    unheard = {"UV_PYTHON": "3.8", "UV_NO_SYNC": "1", "VIRTUAL_ENV": "/x", "PYTHONHOME": ""}

    clone.start("check", UV_PROJECT_ENVIRONMENT="/x", **heard, **unheard)

    environment = clone.calls[0]["environment"]
    assert environment["UV_PROJECT_ENVIRONMENT"] == str(clone.venv)
    assert environment.items() >= heard.items()
    assert environment.keys() & unheard.keys() == set()


def test_modules_of_the_caller_do_not_reach_the_environment(clone, tmp_path):
    (tmp_path / "django.py").write_text("raise SystemExit('leaked')")

    for python in (PYTHON, str(clone.venv / "bin" / "python")):
        done = clone.start("check", python=python, PYTHONPATH=str(tmp_path), PYTHONSAFEPATH="1")

        assert (done.returncode, json.loads(done.stdout)[0]) == (0, str(clone.venv))


def test_unwritable_home_leaves_the_cache_to_the_private_folder(clone):
    done = clone.start("check", HOME="/dev/null/home")

    assert done.returncode == 0
    assert clone.calls[0]["environment"]["UV_CACHE_DIR"] == str(clone.private / "cache")


def test_unwritable_checkout_ends_in_one_line(clone):
    clone.private.write_text("a file, where even root can make no folder")

    done = clone.start("check")

    line = f"port atlas: can't write {clone.private} (File exists)."
    assert done.returncode == 1
    assert done.stderr == f"{line} Set PORTATLAS_VENV to a folder of your own.\n"


def test_folder_of_somebody_else_is_left_alone(clone):
    clone.venv.mkdir()
    (clone.venv / "diary").touch()

    done = clone.start("check")

    assert done.returncode == 1
    assert f"{clone.venv} is not a virtual environment. Remove it, or" in done.stderr
    assert [file.name for file in clone.venv.iterdir()] == ["diary"]


@pytest.mark.parametrize("remains", ["CACHEDIR.TAG", "pyvenv.cfg"])
def test_environment_without_interpreter_is_made_anew(clone, remains):
    clone.venv.mkdir()
    (clone.venv / remains).touch()
    (clone.venv / "old").touch()

    done = clone.start("check")

    assert done.returncode == 0
    assert not (clone.venv / "old").exists()


def test_interpreter_that_went_away_is_replaced(clone):
    clone.start("check")
    stamp, python = clone.venv / "port-atlas.stamp", clone.venv / "bin" / "python"
    stamp.write_text(stamp.read_text().replace(PYTHON, "/nowhere/python3"))
    python.unlink()
    python.symlink_to("/nowhere/python3")

    done = clone.start("check")

    assert done.returncode == 0
    assert python.resolve() == Path(PYTHON)


def test_stamp_cut_short_by_a_crash_is_written_again(clone):
    clone.start("check")
    (clone.venv / "port-atlas.stamp").write_text("")

    done = clone.start("check")

    assert done.returncode == 0
    assert len(clone.calls) == 2


def test_of_two_starts_at_once_one_installs_and_the_other_waits(clone, tmp_path):
    go = tmp_path / "go"
    first = clone.begin("check", FAKE_UV_WAITS_FOR=str(go))
    first.stderr.readline()
    second = clone.begin("check")
    waiting = second.stderr.readline()
    go.touch()

    prefixes = [json.loads(each.communicate(timeout=60)[0])[0] for each in (first, second)]

    assert (
        waiting == f"port atlas: waiting for another start to finish setting up {clone.venv} ...\n"
    )
    assert prefixes == [str(clone.venv)] * 2
    assert [options(call) for call in clone.calls] == [RUN]


def test_killed_set_up_is_mended_once_its_uv_has_ended(clone, tmp_path):
    go = tmp_path / "go"
    killed = clone.begin("check", FAKE_UV_WAITS_FOR=str(go))
    while not clone.calls:
        time.sleep(0.01)
    killed.kill()
    killed.communicate()
    again = clone.begin("check")
    waiting = again.stderr.readline()
    go.touch()

    _, err = again.communicate(timeout=60)

    assert waiting.startswith("port atlas: waiting for another start")
    assert err.startswith(f"port atlas: mending {clone.venv}, which was not finished ...\n")
    assert [options(call) for call in clone.calls] == [RUN, [*RUN, "--reinstall"]]


def test_killed_update_is_not_taken_for_what_was_there_before(clone, tmp_path):
    clone.start("check")
    lock = clone.folder / "uv.lock"
    before = lock.read_text()
    lock.write_text(f"{before}# changed\n")
    killed = clone.begin("check", FAKE_UV_WAITS_FOR=str(tmp_path / "go"))
    while len(clone.calls) < 2:
        time.sleep(0.01)
    killed.kill()
    killed.communicate()
    (tmp_path / "go").touch()
    lock.write_text(before)

    clone.start("check")

    assert [options(call) for call in clone.calls] == [RUN, RUN, [*RUN, "--reinstall"]]


def test_update_that_fails_leaves_what_was_there_in_use(clone):
    clone.start("check")

    failed = clone.start("test", FAKE_UV_FAILS="1")
    again = clone.start("check")

    assert failed.returncode == 1
    assert (again.returncode, again.stderr) == (0, "")


def test_settings_mistake_ends_in_one_line(tmp_path):
    """The real project: the mistake is told by `check` and by `test` alike."""
    environment = os.environ | {
        "PORTATLAS_BOOTSTRAP": "off",
        "PORTATLAS_DATA": str(tmp_path),
        "PORTATLAS_DEBUG": "maybe",
    }

    for command in ("check", "test"):
        done = subprocess.run(  # noqa: S603  # our own manage.py
            [sys.executable, CHECKOUT / "manage.py", command],
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )

        mistake = "port atlas: PORTATLAS_DEBUG must be true or false, not 'maybe'.\n"
        assert (done.returncode, done.stdout, done.stderr) == (1, "", mistake)


def test_any_python_3_can_read_manage_py():
    source = (CHECKOUT / "manage.py").read_text()

    assert ast.parse(source, feature_version=(3, 4))
