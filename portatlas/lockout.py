"""What a lock-out counts by: the user name that was tried, made fit for its column."""

LONGEST = 150  # of Django's user names; whoever tries more is nobody


def username(request, credentials: dict | None = None) -> str:
    """Return the user name of an attempt to log in, for django-axes."""
    tried = (credentials or {}).get("username") or request.POST.get("username", "")
    return str(tried).replace("\x00", "")[:LONGEST]
