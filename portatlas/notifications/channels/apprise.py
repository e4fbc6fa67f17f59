"""
Whatever apprise knows how to reach, by its URL. It comes with the extra `notify`.

Apprise makes connections of its own: the host that a URL names is checked before, but nothing
holds it to the addresses that were checked.
"""

import logging
from datetime import datetime

from portatlas.notifications.channels import FailedError, Parcel, Target
from portatlas.notifications.channels.http import resolve
from portatlas.notifications.channels.targets import Place, RefusedError

MISSING = "Apprise is not installed: it comes with the extra `notify` (uv sync --extra notify)."


def is_installed() -> bool:
    try:
        import apprise  # noqa: F401, PLC0415  # it is an extra, and takes half a second
    except ImportError:
        return False
    return True


def send(target: Target, parcel: Parcel, at: datetime) -> None:
    if not is_installed():
        raise FailedError(MISSING, is_final=True)
    import apprise  # noqa: PLC0415  # as above

    logging.getLogger("apprise").setLevel(logging.CRITICAL)  # its lines may hold a URL
    service = apprise.Apprise.instantiate(target.secret)
    if service is None:
        raise FailedError("Apprise does not understand the URL of this channel.", is_final=True)
    if getattr(service, "host", None):
        place = Place(is_tls=False, host=service.host, port=service.port or 443, path="")
        try:
            resolve(place, allow_private=target.allow_private)
        except RefusedError as exc:
            raise FailedError(str(exc), is_final=True) from None
    if not service.notify(
        title=parcel.subject, body=parcel.text, body_format=apprise.NotifyFormat.TEXT
    ):
        raise FailedError("Apprise could not deliver it.")
