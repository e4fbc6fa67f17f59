"""Whether two sockets of one port would be in each other's way, by where they are bound. Pure."""

from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address, ip_address

# A version of IP, and an address of it; None for every one.
Place = tuple[int, IPv4Address | IPv6Address | None]

EVERYWHERE: frozenset[Place] = frozenset({(4, None), (6, None)})


@lru_cache(maxsize=4096)
def places(address: str, *, serves_both: bool = False) -> frozenset[Place]:
    """
    Return where a socket is bound; `serves_both` is for an IPv6 wildcard that serves IPv4 too.

    What can't be read is everywhere, which is the safe side.

    >>> sorted(version for version, _ in places("")), places("[::]"), len(places("10.0.0.1"))
    ([4, 6], frozenset({(6, None)}), 1)
    """
    text = address.strip("[]").partition("%")[0]
    if text == "localhost":
        text = "127.0.0.1"
    try:
        found = ip_address(text)
    except ValueError:
        return EVERYWHERE
    if isinstance(found, IPv6Address) and found.ipv4_mapped:
        found = found.ipv4_mapped
    if not found.is_unspecified:
        return frozenset({(found.version, found)})
    return EVERYWHERE if serves_both and found.version == 6 else frozenset({(found.version, None)})


def overlap(some: frozenset[Place], others: frozenset[Place]) -> bool:
    """
    Whether two sockets can't have the same port.

    >>> overlap(places("127.0.0.1"), places("0.0.0.0")), overlap(places("::1"), places("0.0.0.0"))
    (True, False)
    """
    return any(
        version == other and (address is None or found is None or address == found)
        for version, address in some
        for other, found in others
    )
