"""
Addresses as `ss` prints them: what they are, and from where they can be reached.

Pure: no look-ups, no interfaces asked. Zones are parsed by hand (N7), and an address that
can't be read counts as reachable from anywhere, which is the safe side.
"""

from __future__ import annotations

from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

from collector.sweep import Family, Scope
from collector.text import safe

NETWORKS = [
    (ip_network(network), scope)
    for scope, networks in {
        Scope.LOOPBACK: ["127.0.0.0/8", "::1/128"],
        # 224.0.0.0/24, ff01::/16 and ff02::/16 are multicast that no router passes on.
        Scope.LINK: ["169.254.0.0/16", "224.0.0.0/24", "fe80::/10", "ff01::/16", "ff02::/16"],
        Scope.PRIVATE: [
            "10.0.0.0/8",
            "172.16.0.0/12",
            "192.168.0.0/16",
            "100.64.0.0/10",
            "fc00::/7",
        ],
    }.items()
    for network in networks
]


def split_zone(text: str) -> tuple[str, str]:
    """
    Split brackets and `%zone` off an address, whether the zone is in the brackets or behind.

    >>> split_zone("[fe80::1]%eth0"), split_zone("[fe80::1%eth0]"), split_zone("*%lo")
    (('fe80::1', 'eth0'), ('fe80::1', 'eth0'), ('*', 'lo'))
    """
    host, _, zone = text.partition("%")
    # Only the outer brackets are ss's: an interface may be called "a]b".
    if host.startswith("[") and host.endswith("]"):
        return host[1:-1], zone
    if host.startswith("[") and zone.endswith("]"):
        return host[1:], zone[:-1]
    return host, zone


@lru_cache(maxsize=4096)
def family_of(address: str) -> Family:
    """Tell the family of an address that is no wildcard; mapped IPv4 is IPv4 (N8)."""
    parsed = _parsed(address)
    if parsed is None:
        return Family.UNKNOWN
    return Family.V4 if parsed.version == 4 else Family.V6


@lru_cache(maxsize=4096)
def canonical(address: str) -> str:
    """Return the one spelling of an address; an IPv4-mapped one stays visible as such."""
    if address == "*":
        return address
    parsed = _parsed(address)
    if parsed is None:
        return safe(address, 64)
    return f"::ffff:{parsed}" if parsed.version == 4 and ":" in address else str(parsed)


@lru_cache(maxsize=4096)
def scope_of(address: str, device: str = "") -> Scope:
    """Tell from where an address can be reached; N5, N8, N9."""
    host, zone = split_zone(address)
    if (device or zone) == "lo":
        # Nothing arrives at that interface but what the machine sends to itself.
        return Scope.LOOPBACK
    parsed = _parsed(host)
    if parsed is None:
        return Scope.ANY
    return next(
        (
            scope
            for network, scope in NETWORKS
            if network.version == parsed.version and parsed in network
        ),
        Scope.ANY,
    )


def _parsed(address: str) -> IPv4Address | IPv6Address | None:
    try:
        parsed = ip_address(address)
    except ValueError:
        return None
    if isinstance(parsed, IPv6Address) and parsed.ipv4_mapped is not None:
        return parsed.ipv4_mapped
    return parsed
