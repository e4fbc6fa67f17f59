"""
Secrets at rest: encrypted with a key that is derived from the installation's own.

Cryptography is loaded when there is a secret: every idle process would pay 2 MB for it.
"""

from base64 import urlsafe_b64encode
from collections.abc import Sequence

PURPOSE = b"portatlas.notifications: secrets of channels"


class SecretLostError(Exception):
    """A secret was encrypted with another key of the installation: it has to be entered again."""


def seal(secret: str, keys: Sequence[str]) -> str:
    """Encrypt a secret with the first of these keys. None is sealed as nothing."""
    return _fernet(keys).encrypt(secret.encode()).decode("ascii") if secret else ""


def unseal(sealed: str, keys: Sequence[str]) -> str:
    """Return the secret, whichever of the keys it was sealed with. Raises SecretLostError."""
    if not sealed:
        return ""
    from cryptography.fernet import InvalidToken  # noqa: PLC0415  # see above

    try:
        return _fernet(keys).decrypt(sealed.encode("ascii", "replace")).decode()
    except InvalidToken:
        raise SecretLostError(
            "The secret of this channel can't be read, since the secret key of the installation "
            "is another one now. Enter the secret again."
        ) from None


def _fernet(keys: Sequence[str]):
    from cryptography.fernet import Fernet, MultiFernet  # noqa: PLC0415  # see above
    from cryptography.hazmat.primitives.hashes import SHA256  # noqa: PLC0415  # see above
    from cryptography.hazmat.primitives.kdf.hkdf import HKDF  # noqa: PLC0415  # see above

    derived = [HKDF(SHA256(), 32, None, PURPOSE).derive(key.encode()) for key in keys]
    return MultiFernet([Fernet(urlsafe_b64encode(each)) for each in derived])
