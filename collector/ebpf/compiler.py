"""
The programs for the kernel, compiled by clang: `python3 -m collector.ebpf.compiler`.

Once, where the project is built or checked out; nothing that runs compiles. No Django. The same
source and clang make the same bytes: they tell neither a folder nor a time.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from collector.ebpf.support import OBJECT

SOURCE = Path(__file__).with_name("port_events.bpf.c")
INSTALL = "Debian, Ubuntu: apt install clang libbpf-dev"
SECONDS = 120  # far more than clang takes for two hundred lines


class CompileError(Exception):
    """The programs can't be compiled; str() says why, and what to install."""


def build(folder: Path = SOURCE.parent) -> Path:
    """Compile the programs into a folder, all or nothing. Returns the path of the object."""
    clang = shutil.which("clang")
    if clang is None:
        raise CompileError(f"clang is missing. {INSTALL}.")
    target = folder / OBJECT
    with tempfile.TemporaryDirectory(dir=folder, prefix=".build-") as scratch:
        compiled = Path(scratch, OBJECT)
        _compile(clang, compiled)
        compiled.replace(target)
    return target


def _compile(clang: str, target: Path) -> None:
    # -g: maps are described by BTF, which clang writes with the debugging information.
    options = ["-O2", "-g", "-Wall", "-Werror", "-target", "bpf", "-fdebug-compilation-dir=."]
    # Debian keeps <asm/types.h> in a folder of the architecture, where "bpf" is none.
    for each in sorted(Path("/usr/include").glob("*/asm/types.h")):
        options += ["-idirafter", str(each.parents[1])]
    try:
        subprocess.run(  # noqa: S603  # nobody but us chooses what it compiles
            [clang, *options, "-c", SOURCE.name, "-o", str(target)],
            cwd=SOURCE.parent,
            check=True,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=SECONDS,
        )
    except subprocess.CalledProcessError as exc:
        if "file not found" in exc.stderr:
            raise CompileError(
                f"The headers of libbpf or of the kernel are missing. {INSTALL}."
            ) from exc
        raise CompileError(f"clang failed:\n{exc.stderr}") from exc
    except (OSError, subprocess.TimeoutExpired) as exc:
        raise CompileError(f"clang failed: {exc}.") from exc


def main() -> None:
    try:
        target = build()
    except (CompileError, OSError) as exc:
        sys.exit(str(exc))
    sys.stdout.write(f"{target.name}: {target.stat().st_size} bytes.\n")


if __name__ == "__main__":
    main()
