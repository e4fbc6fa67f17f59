"""Ports and ranges of them, as options say them."""

import re

from portatlas.terminal.door import wrong

PORT = re.compile(r"[0-9]{1,5}")


def a_port(option: str, text: str | None) -> int | None:
    """Return a port, None if none is said. Raises CommandError if it is none."""
    if text is None:
        return None
    if not PORT.fullmatch(text) or not 1 <= int(text) <= 65535:
        raise wrong(f"{option}: {text[:60]!a} is no port: write a number up to 65535.")
    return int(text)


def a_range(option: str, text: str | None) -> range | None:
    """Return the ports from one to another, both among them. Raises CommandError if it is none."""
    if text is None:
        return None
    first, dash, last = text.partition("-")
    if not (dash and PORT.fullmatch(first) and PORT.fullmatch(last)):
        raise wrong(f"{option}: {text[:60]!a} is no range: write it as 8000-8099.")
    found = range(int(first), int(last) + 1)
    if not found or found.start < 1 or found.stop > 65536:
        raise wrong(f"{option}: a range goes from the lower port to the higher, up to 65535.")
    return found
