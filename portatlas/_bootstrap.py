"""
The environment that uv.lock describes: made when it is missing, entered when it is there.

Standard library only, and loaded by its path: importing the package would import Celery,
which may not be installed yet. Every start comes through here, so what only a set-up needs
is in _uv.py.
"""

import fcntl
import hashlib
import os
import runpy
import sys
import time
from pathlib import Path

KINDS = ["run", "postgres", "dev"]  # each has all that the kinds before it have
OPTIONS = {
    "run": ["--no-dev", "--inexact"],
    "postgres": ["--no-dev", "--inexact", "--extra", "postgres"],
    "dev": [],
}
LEAKS = {"PYTHONHOME", "PYTHONPATH", "PYTHONSAFEPATH"}  # the caller's modules, not ours


def ensure(checkout: Path, arguments: list[str]) -> None:
    """Return only inside an environment that has what `arguments` need; else end in one line."""
    folder = os.environ.get("PORTATLAS_VENV") or checkout / ".venv"
    venv = Path(folder).expanduser().absolute()
    kind = kind_for(arguments)
    try:
        if not is_ready(checkout, venv, kind):
            set_up(checkout, venv, kind)
    except (OSError, ImportError) as exc:
        sys.exit(f"port atlas: can't set up {venv}: {exc}")
    except KeyboardInterrupt:
        sys.exit("port atlas: stopped while setting up; the next start will finish it.")
    enter(venv)


def kind_for(arguments: list[str]) -> str:
    if arguments[:1] == ["test"]:
        return "dev"
    url = os.environ.get("DATABASE_URL", "")
    secret = "DATABASE_URL_FILE" in os.environ  # nobody hides the path of a SQLite file
    return "postgres" if secret or url.startswith(("postgres", "pgsql")) else "run"


def is_ready(checkout: Path, venv: Path, kind: str) -> bool:
    """Tell by its stamp whether the environment was finished for this lock and interpreter."""
    try:
        *made_for, made_kind = stamp(venv).read_text(encoding="utf-8").splitlines()
        enough = KINDS.index(made_kind) >= KINDS.index(kind)
    except (OSError, ValueError):  # a crash may leave an empty file
        return False
    return enough and made_for == needs(checkout, venv)


def stamp(venv: Path) -> Path:
    return venv / "port-atlas.stamp"


def needs(checkout: Path, venv: Path) -> list[str]:
    """
    Return what an environment was made for: the lock and the interpreter behind its symlink.

    An upgrade of the system may take that interpreter away, or put another version behind it.
    """
    digest = hashlib.sha256((checkout / "uv.lock").read_bytes()).hexdigest()
    python = venv / "bin" / "python"
    return [digest, str(python.resolve()) if python.exists() else "no interpreter"]


def set_up(checkout: Path, venv: Path, kind: str) -> None:
    """Make or mend the environment. Of two starts at once, one works and the other waits."""
    private = venv.with_name(".uv")
    try:
        private.mkdir(parents=True, exist_ok=True)
        lock = (private / "lock").open("a")
    except OSError as exc:
        sys.exit(
            f"port atlas: can't write {private} ({exc.strerror}). "
            "Set PORTATLAS_VENV to a folder of your own."
        )
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say(f"waiting for another start to finish setting up {venv} ...")
            fcntl.flock(lock, fcntl.LOCK_EX)
        if not is_ready(checkout, venv, kind):
            sync(checkout, venv, kind, private, lock.fileno())


def sync(checkout: Path, venv: Path, kind: str, private: Path, lock: int) -> None:
    """
    Install with uv, then stamp. What a killed set-up left is installed again, every file of it.

    A set-up that failed has changed nothing that was in use, so the old stamp comes back.
    """
    started = time.monotonic()
    options = OPTIONS[kind]
    old = stamp(venv).read_bytes() if stamp(venv).exists() else b""
    unfinished = private / "unfinished"
    if unfinished.exists():
        say(f"mending {venv}, which was not finished ...")
        options = [*options, "--reinstall"]
    else:
        say(f"updating {venv} ..." if old else f"setting up {venv} (first run only) ...")
    unfinished.touch()
    stamp(venv).unlink(missing_ok=True)
    uv = runpy.run_path(str(Path(__file__).with_name("_uv.py")))
    try:
        uv["sync"](checkout, venv, options, uv["Workshop"](private, lock, say))
    except SystemExit:
        if old:
            stamp(venv).write_bytes(old)
        raise
    lines = [*needs(checkout, venv), kind, ""]
    draft = stamp(venv).with_suffix(".draft")
    draft.write_text("\n".join(lines), encoding="utf-8")
    draft.rename(stamp(venv))
    unfinished.unlink()
    say(f"ready after {time.monotonic() - started:.1f} s")


def enter(venv: Path) -> None:
    """Go on if this is the environment's own interpreter, else become it."""
    inside = Path(sys.prefix).resolve() == venv.resolve()
    if not inside or LEAKS & os.environ.keys():
        python = str(venv / "bin" / "python")
        clean = {name: value for name, value in os.environ.items() if name not in LEAKS}
        os.execve(python, [python, *sys.orig_argv[1:]], clean)  # noqa: S606  # no shell is wanted


def say(what: str) -> None:
    """Report progress where it can't spoil what a command prints."""
    sys.stderr.write(f"port atlas: {what}\n")
    sys.stderr.flush()
