"""Make the agent a service of this machine: its file, its token and its unit, and start it."""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
from pathlib import Path

import psutil

from collector.agent import credential, unit
from collector.agent.hub import AddressError, Hub
from collector.agent.voice import say

ARCHIVE = Path("/usr/local/lib/portatlas-agent/portatlas-agent.pyz")
FOLDER = Path("/etc/portatlas-agent")
TOKEN, CA_FILE = FOLDER / "token", FOLDER / "ca.pem"
HIDDEN = {Path(each) for each in ("/home", "/root", "/run/user", "/tmp", "/var/tmp")}  # noqa: S108  # by the unit
UNIT = Path("/etc/systemd/system/portatlas-agent.service")


def run(options: argparse.Namespace) -> int:
    """Install the agent, or print its unit. Returns 0, or 1 if that failed, 2 if it can't be."""
    if not options.hub or not options.token_file:
        say("--install takes --hub URL and --token-file FILE: where to report, and by which right.")
        return 2
    text = unit.text(_command(options), str(TOKEN), ebpf=options.ebpf)
    if options.print:
        sys.stdout.write(text)
        return 0
    archive = Path(sys.argv[0])
    os.umask(0o022)  # whatever it was: others have to find their way through the folders
    try:
        Hub(options.hub, options.token_file, options.ca_file)
        token = credential.read(options.token_file)
        problem = _problem(archive)
        if problem:
            say(problem)
            return 2
        _write(ARCHIVE, archive.read_bytes(), 0o644)
        _write(TOKEN, f"{token}\n".encode(), 0o600)
        if options.ca_file:
            _write(CA_FILE, options.ca_file.read_bytes(), 0o644)
        _write(UNIT, text.encode(), 0o644)
    except (AddressError, credential.CredentialError) as exc:
        say(str(exc))
        return 2
    except OSError as exc:
        say(f"It is not installed: {exc.strerror} ({exc.filename or 'while a file was written'}).")
        return 1
    return _start()


def _problem(archive: Path) -> str:
    """Say what keeps the agent from being installed, "" if nothing does."""
    if os.geteuid() != 0:
        return "Only root can install a service: sudo python3 portatlas-agent.pyz --install ..."
    if not Path("/run/systemd/system").is_dir():
        return (
            "systemd does not run here. Have whatever starts services here run the agent without "
            "--install, from a file that stays, as the token's has to; --install --print shows how "
            "systemd would run it."
        )
    if not archive.is_file() or archive.suffix != ".pyz":
        return "Only the archive can install itself: manage.py agent build makes it."
    for path in (sys.executable, psutil.__file__):
        if HIDDEN.intersection([*Path(path).parents, *Path(path).resolve().parents]):
            return f"The service could not read {path}: run this with the system's Python."
    return ""


def _command(options: argparse.Namespace) -> list[str]:
    command = [sys.executable, str(ARCHIVE), "--hub", options.hub, "--host", options.host]
    command += ["--interval", str(options.interval)]
    return command + (["--ca-file", str(CA_FILE)] if options.ca_file else [])


def _write(path: Path, data: bytes, mode: int) -> None:
    """Write a file so that it is there whole, or as it was."""
    path.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.new")
    draft.unlink(missing_ok=True)
    handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    with open(handle, "wb") as file:  # noqa: PTH123  # a handle has no path
        file.write(data)
    draft.chmod(mode)
    draft.replace(path)


def _start() -> int:
    systemctl = shutil.which("systemctl") or "/usr/bin/systemctl"
    for words in (["daemon-reload"], ["enable", UNIT.name], ["restart", UNIT.name]):
        done = subprocess.run([systemctl, *words], check=False)  # noqa: S603  # constant words
        if done.returncode:
            say(f"systemctl {' '.join(words)} ended with {done.returncode}. {UNIT} is written.")
            return 1
    say(f"Installed and started: journalctl --unit {UNIT.stem} shows what it says.")
    return 0
