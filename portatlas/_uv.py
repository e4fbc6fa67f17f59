"""
uv, which installs what uv.lock names: where to get it, how to run it.

Loaded by path, like _bootstrap.py, and only when there is something to install.
"""

import hashlib
import http.client
import importlib.util
import io
import os
import platform
import re
import shutil
import subprocess
import sys
import sysconfig
import tempfile
import time
import tomllib
import urllib.request
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

PATIENCE = 5  # seconds of silence before a tool is said to be still at work
NEEDS = "It needs uv on the PATH, or a way to the package index for pip or https."

# Of the caller's PIP_* and UV_* only those that say how the index is reached.
REACH = re.compile("INDEX|LINK|PROXY|CERT|HOST|TIMEOUT|CACHE|OFFLINE|CONFIG_FILE")
LEAKS = {"PYTHONHOME", "PYTHONPATH", "VIRTUAL_ENV", "CONDA_PREFIX"}

TAG = re.compile(r"(manylinux|musllinux|macosx)_(\d+)_(\d+)_(\w+)")
TROUBLE = re.compile("(error|caused by|cause): ", re.IGNORECASE)
NARROW = {"x86_64": "i686", "aarch64": "armv7l", "armv8l": "armv7l"}


class MeansError(Exception):
    """One of the means did not work; the next may."""


class Workshop(NamedTuple):
    """
    The private folder beside the environment, and the lock on it.

    Every tool inherits the lock, so it is held until the last of them has ended
    even when the start that took it was killed.
    """

    folder: Path
    lock: int
    say: Callable[[str], None]


class System(NamedTuple):
    """A machine in the words of a wheel's name."""

    kind: str
    version: tuple[int, ...]
    processor: str


def sync(checkout: Path, venv: Path, options: list[str], shop: Workshop) -> None:
    """Make `venv` what uv.lock says, by the first uv that can; else exit with what was tried."""
    clear_the_way(venv)
    tried: list[str] = []
    command = ["sync", "--frozen", "--quiet", "--compile-bytecode", "--python", sys.executable]
    settings = {
        "UV_PROJECT_ENVIRONMENT": str(venv),
        "UV_PYTHON_DOWNLOADS": "never",
        "UV_SYSTEM_CERTS": "1",
        "UV_NATIVE_TLS": "1",  # what UV_SYSTEM_CERTS was called before
        "UV_NO_PROGRESS": "1",
    }
    cache = os.environ.get("UV_CACHE_DIR") or os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    if not writable(Path(cache).expanduser()):
        settings["UV_CACHE_DIR"] = str(shop.folder / "cache")
    for uv in candidates(checkout, shop, tried):
        try:
            run(shop, [uv, *command, *options], checkout, settings)
        except MeansError as exc:
            tried.append(f"{uv}: {exc}")
        else:
            return
    sys.exit(f"port atlas: can't set up {venv}. Tried: {'; '.join(tried)}. {NEEDS}")


def clear_the_way(venv: Path) -> None:
    """Remove an environment without an interpreter, but never what may be somebody's files."""
    marks = [venv / "pyvenv.cfg", venv / "CACHEDIR.TAG"]
    whole = marks[0].exists() and (venv / "bin" / "python").exists()
    if whole or not venv.exists() or not any(venv.iterdir()):
        return
    if not any(mark.exists() for mark in marks):
        sys.exit(
            f"port atlas: {venv} is not a virtual environment. "
            "Remove it, or set PORTATLAS_VENV to a new folder."
        )
    shutil.rmtree(venv)


def writable(folder: Path) -> bool:
    try:
        nearest = next(each for each in (folder, *folder.parents) if each.exists())
        return nearest.is_dir() and os.access(nearest, os.W_OK)
    except PermissionError:
        return False


def candidates(checkout: Path, shop: Workshop, tried: list[str]) -> Iterator[str]:
    """Yield the uv of the PATH, then the one that uv.lock names, fetched once by pip or https."""
    if found := shutil.which("uv"):
        yield found
    else:
        tried.append("uv: not on the PATH")
    packages = tomllib.loads((checkout / "uv.lock").read_text(encoding="utf-8"))["package"]
    package = next(each for each in packages if each["name"] == "uv")
    uv = shop.folder / f"uv-{package['version']}"
    for get in (by_pip, by_https):
        if not uv.exists():
            try:
                with tempfile.TemporaryDirectory(dir=shop.folder) as draft:
                    get(package, shop, Path(draft)).rename(uv)
            except (MeansError, OSError, http.client.HTTPException) as exc:
                reason = getattr(exc, "reason", exc)
                tried.append(f"{get.__name__.removeprefix('by_')}: {reason}")
    if uv.exists():
        yield str(uv)


def by_pip(package: dict[str, Any], shop: Workshop, draft: Path) -> Path:
    if not importlib.util.find_spec("pip"):
        raise MeansError("not there")
    shop.say(f"getting uv {package['version']} with pip ...")
    hashes = " ".join(f"--hash={wheel['hash']}" for wheel in package["wheels"])
    requirements = draft / "requirements.txt"
    requirements.write_text(f"uv=={package['version']} {hashes}\n", encoding="utf-8")
    install = "-m pip install --quiet --no-input --retries 1 --no-deps --only-binary :all:"
    target = ["--require-hashes", "--target", str(draft), "-r", str(requirements)]
    settings = {"PIP_USER": "0", "PIP_REQUIRE_VIRTUALENV": "0"}  # pip.conf may say otherwise
    run(shop, [sys.executable, *install.split(), *target], draft, settings)
    return draft / "bin" / "uv"


def by_https(package: dict[str, Any], shop: Workshop, draft: Path) -> Path:
    wheel = choose(package["wheels"], this_system())
    shop.say(f"getting uv {package['version']} from {urlsplit(wheel['url']).hostname} ...")
    content = bytearray()
    said = time.monotonic()
    with urllib.request.urlopen(wheel["url"], timeout=30) as response:  # noqa: S310  # uv.lock's own
        while chunk := response.read(1 << 16):
            content += chunk
            if time.monotonic() - said > PATIENCE:
                said = time.monotonic()
                shop.say(f"{len(content) >> 20} MiB so far ...")
    if wheel["hash"] != f"sha256:{hashlib.sha256(content).hexdigest()}":
        raise MeansError(f"{wheel['url']} is not the file that uv.lock names")
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        name = next(each for each in archive.namelist() if each.endswith("/scripts/uv"))
        (draft / "uv").write_bytes(archive.read(name))
    (draft / "uv").chmod(0o755)
    return draft / "uv"


def choose(wheels: list[dict[str, Any]], system: System) -> dict[str, Any]:
    """Return the first wheel whose platform tags allow this system."""
    for wheel in wheels:
        tags = wheel["url"].removesuffix(".whl").rsplit("-", 1)[1].split(".")
        if f"linux_{system.processor}" in tags:
            return wheel
        for kind, major, minor, processor in TAG.findall(" ".join(tags)):
            oldest = (int(major), int(minor))
            if (kind, processor) == (system.kind, system.processor) and oldest <= system.version:
                return wheel
    raise MeansError(f"uv.lock names no uv for {system.kind} {system.processor}")


def this_system() -> System:
    processor = platform.machine()
    if sys.maxsize < 2**32:  # a narrow Python may run on a wide kernel
        processor = NARROW.get(processor, processor)
    if sys.platform == "darwin":
        kind, version = "macosx", platform.mac_ver()[0]
    elif "musl" in (sysconfig.get_config_var("HOST_GNU_TYPE") or ""):
        kind, version = "musllinux", "1.2"  # the oldest that a Python 3.11 is built for
    else:
        kind, version = "manylinux", platform.libc_ver()[1]
    return System(kind, tuple(map(int, re.findall(r"\d+", version)[:2])), processor)


def run(shop: Workshop, command: list[str], cwd: Path, settings: dict[str, str]) -> None:
    """Run a tool in silence, but say that it is at work; raise the gist of its words."""
    caller = {
        name: value
        for name, value in os.environ.items()
        if name not in LEAKS and (REACH.search(name) or not name.startswith(("PIP_", "UV_")))
    }
    started = time.monotonic()
    with tempfile.TemporaryFile(dir=shop.folder) as output:
        try:
            process = subprocess.Popen(  # noqa: S603  # an argument list of ours, no shell
                command,
                cwd=cwd,
                env=caller | settings,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                pass_fds=[shop.lock],
            )
        except OSError as exc:
            raise MeansError(exc) from exc
        while True:
            try:
                code = process.wait(timeout=PATIENCE)
                break
            except subprocess.TimeoutExpired:
                shop.say(f"still at work after {time.monotonic() - started:.0f} s ...")
        if code:
            output.seek(0)
            raise MeansError(gist(output.read().decode(errors="replace")) or f"exit code {code}")


def gist(words: str) -> str:
    """Return the first and the last line about what went wrong: what, and why."""
    lines = [re.sub(r"^\W+", "", line) for line in words.splitlines() if line.strip()]
    errors = [TROUBLE.sub("", line) for line in lines if TROUBLE.match(line)]
    told = errors or lines
    return ": ".join(dict.fromkeys([*told[:1], *told[-1:]]))[:300]
