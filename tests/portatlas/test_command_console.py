"""The package as people install it: a wheel in an environment of its own, far from any checkout."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
import tomllib
from pathlib import Path
from urllib.request import urlopen

import pytest

from tests.tools import do_without

CHECKOUT = Path(__file__).resolve().parents[2]
OURS = ("PORTATLAS_", "DATABASE_URL", "DJANGO_", "PYTHON")
PATIENCE = 60  # seconds until a test gives up; none waits that long when all is well


def uv():
    """Return the uv of the PATH, or the one with which the bootstrap has set the project up."""
    fetched = sorted(CHECKOUT.glob(".uv/uv-*"))
    return shutil.which("uv") or (str(fetched[-1]) if fetched else do_without("uv"))


def clean(**settings):
    """Return an environment in which nothing is set for the atlas but what is said."""
    env = {name: value for name, value in os.environ.items() if not name.startswith(OURS)}
    return env | settings


def run(*command, **settings):
    done = subprocess.run(  # noqa: S603  # what was installed, or uv
        command, env=clean(**settings), capture_output=True, text=True, check=False
    )
    assert done.returncode in {0, 3}, done.stderr
    return done


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """Return the folder of an environment into which the built wheel was installed, and no more."""
    folder = tmp_path_factory.mktemp("installed")
    index = {"UV_SYSTEM_CERTS": "1"}
    project = ["--project", str(CHECKOUT)]
    run(uv(), "build", "--wheel", "--out-dir", str(folder), str(CHECKOUT), **index)
    locked = folder / "locked.txt"
    export = ["export", "--frozen", "--no-dev", "--no-hashes", "--no-emit-project"]
    run(uv(), *export, *project, "--output-file", str(locked), **index)
    run(uv(), "venv", "--python", sys.executable, str(folder / "venv"), **index)
    [wheel] = folder.glob("*.whl")
    into = ["--python", str(folder / "venv"), "--constraint", str(locked)]
    run(uv(), "pip", "install", *into, str(wheel), **index)
    return folder / "venv"


def test_the_installed_command_serves_its_pages_and_lists_its_ports(installed, tmp_path):
    portatlas, home = installed / "bin" / "portatlas", {"HOME": str(tmp_path), "XDG_DATA_HOME": ""}
    log = tmp_path / "log"
    with log.open("wb") as output:
        process = subprocess.Popen(  # noqa: S603  # what was installed
            [portatlas, "up", "--port", "0"],
            env=clean(**home),
            stdout=output,
            stderr=output,
            cwd=tmp_path,
        )
    try:
        url = wait_for(r"Port Atlas is up: (\S+) ", log, process)[1]

        page = urlopen(f"{url}login/", timeout=PATIENCE).read().decode()  # noqa: S310  # our own
        styles = re.search(r'href="/(static/[^"]+\.css)"', page)[1]
        css = urlopen(f"{url}{styles}", timeout=PATIENCE)  # noqa: S310  # our own
        admin = urlopen(f"{url}admin/", timeout=PATIENCE).url  # noqa: S310  # our own
        listed = run(portatlas, "ports", "--json", **home)
    finally:
        process.send_signal(signal.SIGINT)
        status = process.wait(PATIENCE)

    assert "Port Atlas" in page
    assert css.headers["Content-Type"].startswith("text/css")
    assert admin == f"{url}login/?next=/admin/"
    assert (status, type(json.loads(listed.stdout))) == (0, list)
    assert (tmp_path / ".local" / "share" / "portatlas" / "portatlas.sqlite3").exists()


def wait_for(pattern, log, process):
    deadline = time.monotonic() + PATIENCE
    while not (found := re.search(pattern, text := log.read_text(encoding="utf-8"))):
        assert process.poll() is None, text
        assert time.monotonic() < deadline, text
        time.sleep(0.05)
    return found


def test_the_wheel_has_the_three_packages_and_nothing_of_the_checkout(installed):
    [packages] = installed.glob("lib/python*/site-packages")

    record = next(packages.glob("portatlas-*.dist-info")) / "RECORD"
    files = [line.split(",")[0] for line in record.read_text(encoding="utf-8").splitlines()]
    tops = {name.split("/")[0] for name in files}

    assert tops == {"portatlas", "collector", "notes", record.parent.name, ".."}
    assert [name for name in files if "tests" in name or name.endswith("manage.py")] == []


def test_a_checkout_is_set_up_without_being_built():
    lock = tomllib.loads((CHECKOUT / "uv.lock").read_text(encoding="utf-8"))

    [ours] = [package for package in lock["package"] if package["name"] == "portatlas"]

    assert ours["source"] == {"virtual": "."}


@pytest.mark.parametrize(
    ("setting", "value", "said"),
    [
        ("PORTATLAS_DEBUG", "maybe", "PORTATLAS_DEBUG must be true or false, not 'maybe'."),
        ("PORTATLAS_DATA", "/dev/null/atlas", "The data directory /dev/null/atlas can't be "),
    ],
)
def test_a_mistake_in_the_settings_ends_in_one_line(setting, value, said, tmp_path):
    start = [sys.executable, "-c", "from portatlas.console import main; main()", "ports"]
    settings = {"PORTATLAS_DATA": str(tmp_path)} | {setting: value}

    done = subprocess.run(  # noqa: S603  # our own
        start, env=clean(**settings), cwd=CHECKOUT, capture_output=True, text=True, check=False
    )

    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (1, "", 1)
    assert done.stderr.startswith(f"port atlas: {said}")


def test_the_tests_are_told_to_be_in_the_checkout(tmp_path):
    start = [sys.executable, "-c", "from portatlas.console import main; main()", "test"]

    done = subprocess.run(  # noqa: S603  # our own
        start, env=clean(), cwd=CHECKOUT, capture_output=True, text=True, check=False
    )

    assert done.returncode == 1
    assert done.stderr.endswith("in a checkout: python3 manage.py test\n")
