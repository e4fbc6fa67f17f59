"""The secret key of an installation: told apart without telling it. Pure."""

import hmac
import re

from portatlas.backup.faults import BadFileError

NAME = "secret_key"
LONGEST = 2**16  # bytes


def fingerprint(key: str) -> str:
    """Return what differs for another key, and from which none can be guessed that is random."""
    return hmac.digest(key.encode(), b"portatlas.backup: which key", "sha256").hex()[:16]


def read(data: bytes, expected: str) -> str:
    """Return the key that a backup has. Raises BadFileError if it is not the one it speaks of."""
    key = data.decode("utf-8", "replace")
    if not re.fullmatch(r"\S(.*\S)?", key, re.DOTALL) or fingerprint(key) != expected:
        raise BadFileError(
            "This backup can't be used: its secret key is not the one that it was made with. "
            "Somebody has changed it."
        )
    return key
