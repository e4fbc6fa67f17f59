"""The token of the agent: read from a file that is nobody else's business, and never shown."""

from __future__ import annotations

import os
import re
import stat
from pathlib import Path

LONGEST = 512  # characters
TOKEN = re.compile(r"[!-~]+", re.ASCII).fullmatch


class CredentialError(Exception):
    """There is no token to be had; the message is a sentence that says why."""


def read(path: Path) -> str:
    """Return the token in a file. Raises CredentialError."""
    try:
        with path.open("rb") as file:
            mode = os.fstat(file.fileno()).st_mode
            text = file.read(LONGEST + 2)
    except OSError as exc:
        raise CredentialError(f"The token file {path} can't be read: {exc.strerror}.") from exc
    # A group may be let in: so systemd's own access lists look from here.
    if mode & (stat.S_IRWXO):
        raise CredentialError(
            f"Everybody on this machine can get at the token file {path}. "
            f"Run chmod o= {path}, and have the hub revoke the token if others may have read it."
        )
    token = text.decode("ascii", "replace").strip()
    if not TOKEN(token) or len(token) > LONGEST:
        raise CredentialError(f"The token file {path} holds no token: one word in one line.")
    return token
