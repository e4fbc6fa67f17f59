"""A PostgreSQL of one's own: started on a free port of loopback, stopped and removed at the end."""

import os
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

NOT_FOUND = "PostgreSQL is not installed here: name one on this machine by DATABASE_URL."


@contextmanager
def cluster() -> Iterator[str]:
    """
    Yield the URL of a database that nobody else has, on a server that trusts this machine.

    Ends the program with a sentence where PostgreSQL is not installed. The server vacuums and
    analyzes when it is told to and not by itself, so that two runs are alike.
    """
    programs = max(Path("/usr/lib/postgresql").glob("*/bin"), key=_version, default=None)
    if programs is None:
        sys.exit(NOT_FOUND)
    folder = Path(tempfile.mkdtemp())
    try:
        if os.geteuid() == 0:  # as which PostgreSQL refuses to run
            shutil.chown(folder, "postgres")
        made = ["--auth=trust", "--username=postgres", "--encoding=UTF8", "--no-locale"]
        _run(folder, programs / "initdb", *made, "--no-sync")
        port = _free_port()
        settings = {
            "port": port,
            "listen_addresses": "127.0.0.1",
            "unix_socket_directories": folder,
            "fsync": "off",
            "full_page_writes": "off",
            "autovacuum": "off",
        }
        options = " ".join(f"-c {name}={value}" for name, value in settings.items())
        control = programs / "pg_ctl"
        _run(folder, control, f"--log={folder}/log", f"--options={options}", "--wait", "start")
        try:
            yield f"postgres://postgres@127.0.0.1:{port}/postgres"
        finally:
            _run(folder, control, "--mode=immediate", "stop")
    finally:
        shutil.rmtree(folder)


def _version(programs: Path) -> float:
    return float(programs.parent.name)


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as door:
        return door.getsockname()[1]


def _run(folder: Path, *command: Path | str) -> None:
    """Run a program of PostgreSQL, as its user if we are root."""
    owner = {"user": "postgres", "group": "postgres", "extra_groups": []}
    subprocess.run(  # noqa: S603  # a program of the package
        command,
        check=True,
        cwd=folder,
        env=os.environ | {"PGDATA": f"{folder}/data"},
        stdout=subprocess.DEVNULL,
        # A server inherits what it is started with.
        stdin=subprocess.DEVNULL,
        **(owner if os.geteuid() == 0 else {}),
    )
