"""The data directory: where one installation keeps its database, secret key, queue and locks."""

import os
import secrets
from pathlib import Path

from django.core.exceptions import ImproperlyConfigured

DATABASE = "portatlas.sqlite3"
CANT_WRITE = "The data directory {} can't be written; set PORTATLAS_DATA to a folder of your own"
SECRET_KEY = "secret_key"  # noqa: S105  # the name of a file, not its content


def usual(base: Path) -> Path:
    """Return where an installation keeps its files unless told: in its checkout, else at home."""
    if (base / "manage.py").exists():
        return base / "var"
    return Path(os.environ.get("XDG_DATA_HOME") or "~/.local/share") / "portatlas"


def prepare(path: Path) -> Path:
    """
    Create the data directory (0700 if it is new) with its database file (0600); return its path.

    SQLite gives its -wal and -shm files the mode of the database, so an empty file
    made here keeps all three private. Raises ImproperlyConfigured when it can't be written.
    """
    try:
        path = path.expanduser().absolute()
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        (path / "queue").mkdir(mode=0o700, exist_ok=True)
        (path / DATABASE).touch(mode=0o600)
    except (OSError, RuntimeError) as exc:  # RuntimeError: ~somebody who isn't there
        raise ImproperlyConfigured(f"{CANT_WRITE.format(path)} ({exc})") from exc
    return path


def secret_key(path: Path) -> str:
    """Return the secret key of this data directory, generated (0600) by whoever asks first."""
    file = path / SECRET_KEY
    if not file.exists():
        draft = path / f".{SECRET_KEY}.{os.getpid()}"
        try:
            draft.touch(mode=0o600)
            draft.write_text(secrets.token_urlsafe(48), encoding="ascii")
            os.link(draft, file)  # unlike a rename, never replaces the key of a faster process
        except FileExistsError:
            pass
        except OSError as exc:
            raise ImproperlyConfigured(f"{CANT_WRITE.format(path)} ({exc})") from exc
        finally:
            draft.unlink(missing_ok=True)
    try:
        return file.read_text(encoding="utf-8")  # one that a restore brought may have any letters
    except (OSError, UnicodeDecodeError) as exc:
        raise ImproperlyConfigured(
            f"The secret key can't be read ({exc}). Run as the user whose data directory it is, "
            "or set PORTATLAS_DATA to a folder of your own"
        ) from exc
