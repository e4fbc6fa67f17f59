"""The data directory: where one installation keeps its database, secret key, queue and locks."""

import os
import secrets
from pathlib import Path

from django.core.exceptions import ImproperlyConfigured

DATABASE = "portatlas.sqlite3"
SECRET_KEY = "secret_key"  # noqa: S105  # the name of a file, not its content


def prepare(path: Path) -> Path:
    """
    Create the data directory (0700 if it is new) with its database file (0600); return its path.

    SQLite gives its -wal and -shm files the mode of the database, so an empty file
    made here keeps all three private. Raises ImproperlyConfigured when it can't be written.
    """
    path = path.expanduser().absolute()
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        (path / "queue").mkdir(mode=0o700, exist_ok=True)
        (path / DATABASE).touch(mode=0o600)
    except OSError as exc:
        raise ImproperlyConfigured(
            f"The data directory {path} can't be written ({exc.strerror}). "
            "Set PORTATLAS_DATA to a folder of your own."
        ) from exc
    return path


def secret_key(path: Path) -> str:
    """Return the secret key of this data directory, generated (0600) by whoever asks first."""
    file = path / SECRET_KEY
    if not file.exists():
        draft = path / f".{SECRET_KEY}.{os.getpid()}"
        draft.touch(mode=0o600)
        draft.write_text(secrets.token_urlsafe(48), encoding="ascii")
        try:
            os.link(draft, file)  # unlike a rename, never replaces the key of a faster process
        except FileExistsError:
            pass
        finally:
            draft.unlink()
    return file.read_text(encoding="ascii")
