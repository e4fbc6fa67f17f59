"""uv: found on the PATH, by pip or by https, from an index on loopback and a wheel of a fake uv."""

import errno
import functools
import http.server
import subprocess
import threading
import tomllib

import pytest

from portatlas import _uv
from tests.portatlas.clone import CHECKOUT, PYTHON, Clone, wheel_of_fake_uv
from tests.tools import do_without

HAS_PIP = not subprocess.run(  # noqa: S603  # the Python of this test
    [PYTHON, "-m", "pip", "-V"], capture_output=True, check=False
).returncode


@pytest.fixture
def bare(tmp_path):
    """Return a clone on a machine without uv."""
    return Clone(tmp_path)


@pytest.fixture
def index(tmp_path):
    """Serve a folder over HTTP; return the folder and its address."""
    folder = tmp_path / "index"
    folder.mkdir()
    quiet = type("Quiet", (http.server.SimpleHTTPRequestHandler,), {"log_message": lambda *_: None})
    handler = functools.partial(quiet, directory=str(folder))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield folder, f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def test_wheel_of_the_lock_is_fetched_once(bare, index, tmp_path):
    folder, address = index
    wheel = wheel_of_fake_uv(folder)
    bare.lock_uv(f"{address}/{wheel.name}", wheel.read_bytes())

    first = bare.start("check")
    wheel.unlink()
    second = bare.start("test")

    assert "port atlas: getting uv 1.0 from 127.0.0.1 ...\n" in first.stderr
    assert (first.returncode, second.returncode) == (0, 7)
    assert sorted(file.name for file in bare.private.iterdir()) == ["lock", "uv-1.0"]


def test_uv_that_fails_is_followed_by_the_one_of_the_lock(bare, index):
    folder, address = index
    wheel = wheel_of_fake_uv(folder)
    bare.lock_uv(f"{address}/{wheel.name}", wheel.read_bytes())
    (bare.path / "uv").write_text("#!/bin/sh\necho error: too old >&2\nexit 2\n")
    (bare.path / "uv").chmod(0o755)

    done = bare.start("check")

    assert (done.returncode, len(bare.calls)) == (0, 1)


def test_pip_gets_uv_where_there_is_pip(bare, tmp_path):
    if not HAS_PIP:
        do_without("pip")
    wheel = wheel_of_fake_uv(tmp_path)
    bare.lock_uv(f"http://127.0.0.1:9/{wheel.name}", wheel.read_bytes())
    (bare.home / ".pip").mkdir()
    (bare.home / ".pip" / "pip.conf").write_text("[global]\nuser = 1\nrequire-virtualenv = 1\n")

    done = bare.start("check", PIP_FIND_LINKS=str(tmp_path), PIP_DRY_RUN="1")

    assert done.stderr.splitlines()[1] == "port atlas: getting uv 1.0 with pip ..."
    assert (done.returncode, len(bare.calls)) == (0, 1)
    assert sorted(file.name for file in bare.private.iterdir()) == ["lock", "uv-1.0"]


def test_wheel_that_is_not_the_one_of_the_lock_is_refused(bare, index):
    folder, address = index
    wheel = wheel_of_fake_uv(folder)
    bare.lock_uv(f"{address}/{wheel.name}", b"another")

    done = bare.start("check", PIP_FIND_LINKS=str(folder))

    assert done.returncode == 1
    assert f"https: {address}/{wheel.name} is not the file that uv.lock names" in done.stderr
    assert not (bare.private / "uv-1.0").exists()


def test_machine_without_network_is_told_what_was_tried(bare, tmp_path):
    wheel = wheel_of_fake_uv(tmp_path)
    bare.lock_uv(f"http://127.0.0.1:9/{wheel.name}", b"")

    done = bare.start("check")

    line = done.stderr.splitlines()[-1]
    assert done.returncode == 1
    assert line.startswith(
        f"port atlas: can't set up {bare.venv}. Tried: uv: not on the PATH; pip: "
    )
    assert line.endswith(f"; https: [Errno {errno.ECONNREFUSED}] Connection refused. {_uv.NEEDS}")


@pytest.mark.parametrize(
    ("kind", "version", "processor", "tags"),
    [
        ("manylinux", (2, 36), "x86_64", "manylinux_2_17_x86_64.manylinux2014_x86_64"),
        ("musllinux", (1, 2), "x86_64", "musllinux_1_1_x86_64"),
        (
            "manylinux",
            (2, 36),
            "aarch64",
            "manylinux_2_17_aarch64.manylinux2014_aarch64.musllinux_1_1_aarch64",
        ),
        (
            "manylinux",
            (2, 36),
            "armv7l",
            "manylinux_2_17_armv7l.manylinux2014_armv7l.musllinux_1_1_armv7l",
        ),
        ("manylinux", (2, 36), "armv6l", "linux_armv6l"),
        ("manylinux", (2, 36), "i686", "manylinux_2_17_i686.manylinux2014_i686"),
        ("macosx", (14, 2), "x86_64", "macosx_10_12_x86_64"),
        ("macosx", (14, 2), "arm64", "macosx_11_0_arm64"),
    ],
)
def test_wheel_is_chosen_for_the_machine(kind, version, processor, tags):
    wheel = _uv.choose(locked_wheels(), _uv.System(kind, version, processor))

    assert wheel["url"].endswith(f"-py3-none-{tags}.whl")


@pytest.mark.parametrize(
    "system", [("manylinux", (2, 16), "x86_64"), ("manylinux", (2, 36), "sparc64")]
)
def test_machine_without_a_wheel_is_told_so(system):
    with pytest.raises(_uv.MeansError, match=f"no uv for manylinux {system[2]}"):
        _uv.choose(locked_wheels(), _uv.System(*system))


def locked_wheels():
    packages = tomllib.loads((CHECKOUT / "uv.lock").read_text())["package"]
    return next(each["wheels"] for each in packages if each["name"] == "uv")


@pytest.mark.parametrize(
    ("words", "gist"),
    [
        (
            "error: Failed to download `six`\n  cause: dns error\n  cause: no such name\n\nhint: x",
            "Failed to download `six`: no such name",
        ),
        ("WARNING: Retrying\nERROR: No matching distribution", "No matching distribution"),
        ("pyenv: uv: command not found", "pyenv: uv: command not found"),
        ("", ""),
    ],
)
def test_noise_of_a_tool_is_cut_to_what_and_why(words, gist):
    assert _uv.gist(words) == gist
