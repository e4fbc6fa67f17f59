"""What a lock-out counts by (the user name that was tried, and its address), and how it ends."""

from django.conf import settings

LONGEST = 150  # of Django's user names; whoever tries more is nobody


def username(request, credentials: dict | None = None) -> str:
    """Return the user name of an attempt to log in, made fit for its column, for django-axes."""
    tried = (credentials or {}).get("username") or request.POST.get("username", "")
    return str(tried).replace("\x00", "")[:LONGEST]


def address(request) -> str:
    """
    Return the address of the client, for django-axes.

    Behind the reverse proxy of PORTATLAS_HTTPS it is the one that the proxy added last;
    whatever stands before it in the header, the client wrote himself.
    """
    forwarded = request.META.get("HTTP_X_FORWARDED_FOR", "").rpartition(",")[2].strip()
    return (settings.HTTPS and forwarded) or request.META.get("REMOTE_ADDR", "")


def is_on(request) -> bool:
    """Whether the attempt that was just refused ended in a lock-out, as django-axes has noted."""
    return getattr(request, "axes_locked_out", False)


def wait() -> int:
    """Return how many seconds a lock-out lasts, from the last attempt on."""
    return int(settings.AXES_COOLOFF_TIME.total_seconds())
