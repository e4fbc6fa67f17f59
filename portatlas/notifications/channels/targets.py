"""Where an HTTP request may go: what a URL names, and which addresses are nobody's to ask. Pure."""

import re
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network
from urllib.parse import urlsplit

Address = IPv4Address | IPv6Address

PRINTABLE = re.compile(r"[\x21-\x7e]+")
# What clouds tell their machines there, keys among it, is for no webhook, private or not.
METADATA = (
    IPv4Network("169.254.0.0/16"),  # most of them, at .169.254, and ECS at .170.2
    IPv4Network("192.0.0.0/24"),  # Oracle, at .192
    IPv4Network("168.63.129.16"),  # Azure
    IPv4Network("100.100.100.200"),  # Alibaba
    IPv6Network("fd00:ec2::/32"),  # AWS, at ::254 and ::23
    IPv6Network("fd20:ce::254"),  # Google
    IPv6Network("fe80::a9fe:a9fe"),  # OpenStack
)
NAT64 = IPv6Network("64:ff9b::/96")
THIS_NETWORK = IPv4Network("0.0.0.0/8")


class RefusedError(Exception):
    """Nothing is sent there. The text says why, without path, query and credentials."""


@dataclass(frozen=True, slots=True)
class Place:
    """What a URL names."""

    is_tls: bool
    host: str
    port: int
    path: str  # with its query

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"


def parse(url: str) -> Place:
    """
    Read the URL of a receiver. Raises RefusedError.

    >>> parse("https://hooks.example.org/a?b=c")
    Place(is_tls=True, host='hooks.example.org', port=443, path='/a?b=c')
    """
    if not PRINTABLE.fullmatch(url):
        raise RefusedError("A URL has no spaces and only ASCII: write the rest percent-encoded.")
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        raise RefusedError("This is no URL.") from None
    if parts.scheme not in {"http", "https"}:
        raise RefusedError("Only http:// and https:// are spoken.")
    if "@" in parts.netloc:
        raise RefusedError("Credentials don't belong into a URL, which is no secret.")
    if not host or port == 0:
        raise RefusedError("The URL names no host.")
    is_tls = parts.scheme == "https"
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return Place(is_tls, host, port or (443 if is_tls else 80), path)


def is_allowed(address: Address, *, allow_private: bool) -> bool:
    """
    Whether a request may go to an address. What is not meant for one host never gets any.

    >>> is_allowed(IPv6Address("::ffff:10.0.0.1"), allow_private=False)
    False
    >>> is_allowed(IPv4Address("127.0.0.1"), allow_private=True)
    True
    >>> is_allowed(IPv4Address("169.254.169.254"), allow_private=True)
    False
    """
    inner = _inside(address)
    if inner:
        return all(is_allowed(each, allow_private=allow_private) for each in inner)
    if any(address in each for each in METADATA):
        return False
    if address.is_multicast or address.is_unspecified:
        return False
    if address.is_loopback:
        return allow_private
    if address.is_reserved or (isinstance(address, IPv4Address) and address in THIS_NETWORK):
        return False
    return address.is_global or allow_private


def _inside(address: Address) -> list[IPv4Address]:
    """Return the addresses that one of IPv6 leads to: mapped, or translated on the way."""
    if isinstance(address, IPv4Address):
        return []
    if address.ipv4_mapped:
        return [address.ipv4_mapped]
    if address in NAT64:
        return [IPv4Address(int(address) & 0xFFFFFFFF)]
    if address.sixtofour:
        return [address.sixtofour]
    return list(address.teredo or ())
