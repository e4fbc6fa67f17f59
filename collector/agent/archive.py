"""
The agent as one file, `portatlas-agent.pyz`, that any Python from 3.9 on with psutil runs.

Not part of that file itself. The same sources make the same bytes, wherever and whenever: nothing
in it tells a time, and nothing is compressed, which would be another's version's business.
"""

from __future__ import annotations

import ast
import io
import zipfile
from collections.abc import Iterator
from pathlib import Path

NAME = "portatlas-agent.pyz"
PACKAGES = Path(__file__).resolve().parents[2]  # the folder that `collector` is in
START = ("collector.agent.command", "collector.agent.install")
PROGRAMS = "collector/ebpf/port_events.bpf.o"  # is not there where it was not built
MIDNIGHT = (1980, 1, 1, 0, 0, 0)  # the first that a zip can tell
SHEBANG = b"#!/usr/bin/env python3\n"

# It has to be understood by a Python that is too old for the rest.
MAIN = """\
import sys

if sys.version_info < (3, 9):
    sys.exit("portatlas-agent: this Python is too old; 3.9 is the first that will do.")
try:
    import psutil
except ImportError:
    sys.exit("portatlas-agent: psutil is missing. Install python3-psutil.")

from collector.agent.command import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
"""


def build() -> bytes:
    """Return the archive: the agent, what it imports of the collector, and what the kernel runs."""
    archive = io.BytesIO(SHEBANG)
    archive.seek(0, io.SEEK_END)
    with zipfile.ZipFile(archive, "w") as file:
        for name, source in sorted({"__main__.py": MAIN.encode(), **_sources()}.items()):
            info = zipfile.ZipInfo(name, MIDNIGHT)
            info.create_system = 3  # Unix, wherever this runs
            info.external_attr = 0o100644 << 16
            file.writestr(info, source)
    return archive.getvalue()


def modules() -> dict[str, Path]:
    """Return the modules that the agent is made of, and their files."""
    found: dict[str, Path] = {}
    waiting = list(START)
    while waiting:
        name = waiting.pop()
        path = _file(name)
        if name in found or path is None:
            continue
        found[name] = path
        waiting.extend(_imported(path))
        waiting.append(name.rpartition(".")[0])  # its package
    return found


def _sources() -> dict[str, bytes]:
    paths = [*modules().values(), *PACKAGES.glob(PROGRAMS)]
    return {path.relative_to(PACKAGES).as_posix(): path.read_bytes() for path in paths}


def _imported(path: Path) -> Iterator[str]:
    """Yield all that a file imports, and whatever else it might mean by that."""
    for node in ast.walk(ast.parse(path.read_bytes())):
        if isinstance(node, ast.Import):
            yield from (each.name for each in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{each.name}" for each in node.names)


def _file(module: str) -> Path | None:
    """Return the file of a module of ours, None if it is no module, or none of ours."""
    if module.partition(".")[0] != "collector":
        return None
    path = PACKAGES.joinpath(*module.split("."))
    return next(
        (each for each in (path.with_suffix(".py"), path / "__init__.py") if each.is_file()), None
    )
