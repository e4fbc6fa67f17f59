"""Ports and ranges of ports, as people write them."""

import ipaddress
import re

RANGE = re.compile(r"([0-9]{1,5})(?:-([0-9]{1,5}))?", re.ASCII)


def ports(text: str) -> range:
    """
    Return the ports that a text names.

    >>> list(ports("80")), list(ports("8000-8002"))
    ([80], [8000, 8001, 8002])

    Raises ValueError.
    """
    found = RANGE.fullmatch(text.strip())
    first = int(found[1]) if found else 0
    last = int(found[2] or found[1]) if found else 0
    if not 1 <= first <= last <= 65535:
        raise ValueError("a port is a number from 1 to 65535, a range is like 8000-8010")
    return range(first, last + 1)


def scope(address: str) -> str:
    """
    Return how far an address can be reached, or nothing where all can reach it.

    >>> scope("127.0.0.1"), scope("[::1]"), scope("192.168.0.5"), scope("0.0.0.0"), scope("8.8.8.8")
    ('loopback', 'loopback', 'private', '', '')
    """
    if address == "localhost":
        return "loopback"
    try:
        found = ipaddress.ip_address(address.strip("[]"))
    except ValueError:
        return ""
    if found.is_unspecified:
        return ""
    if found.is_loopback:
        return "loopback"
    if found.is_link_local:
        return "link"
    return "private" if found.is_private else ""
