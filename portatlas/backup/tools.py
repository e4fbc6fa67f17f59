"""PostgreSQL's own programs: where they are, and which of them are new enough."""

import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import BinaryIO

from collector.text import safe
from portatlas.backup.faults import BackupError

DEBIANS = Path("/usr/lib/postgresql")  # where Debian keeps those of each version


def find(name: str, least: int) -> str:
    """
    Return the path of a program that is as new as a server, or newer.

    `least` is the major version of the server. Raises BackupError if there is none.
    """
    on_path = [found] if (found := shutil.which(name)) else []
    others = sorted(DEBIANS.glob(f"*/bin/{name}"), key=lambda path: major(str(path)))
    versions = {program: major(program) for program in [*on_path, *map(str, others)]}
    for program, version in versions.items():
        if version >= least:
            return program
    if versions:
        newest = max(versions.values())
        raise BackupError(
            f"{name} is of version {newest}, and the server is of {least}: an older one can't read "
            f"from it. Install postgresql-client-{least} (Debian), or put one on the PATH."
        )
    raise BackupError(
        f"{name} is not installed. Install postgresql-client-{least} (Debian), or put one of "
        f"version {least} or newer on the PATH."
    )


@cache
def major(program: str) -> int:
    """Return the major version of a program of PostgreSQL, 0 if it does not say."""
    said = subprocess.run([program, "--version"], capture_output=True, text=True, check=False)  # noqa: S603  # found above
    found = re.search(r"\(PostgreSQL\) (\d+)", said.stdout)
    return int(found[1]) if found else 0


@contextmanager
def output_of(
    command: Sequence[str], environment: Mapping[str, str] | None = None
) -> Iterator[BinaryIO]:
    """
    Run a program, and give what it writes to be read.

    Raises BackupError with what it complained of if it failed. It does not outlive what is inside.
    """
    with tempfile.TemporaryFile() as complaints:
        process = subprocess.Popen(  # noqa: S603  # the programs above
            command,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=complaints,
        )
        try:
            with process.stdout:
                yield process.stdout
        except BaseException:
            process.kill()
            raise
        finally:
            status = process.wait()
        if status:
            complaints.seek(0)
            why = safe(complaints.read(2000).strip(), 500) or f"it ended with {status}"
            raise BackupError(f"{Path(command[0]).name} failed: {why}. Nothing has changed.")
