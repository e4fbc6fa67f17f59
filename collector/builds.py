"""
What differs between the builds of ss: their versions, and how they write addresses.

Up to iproute2 4.13 `*` is 0.0.0.0 and IPv6 stands bare (`:::80`); from 4.14 on `*` is IPv6
and IPv4 at once, and IPv6 stands in brackets (N2, N3, N4).
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache

from collector.addresses import canonical, family_of, split_zone
from collector.strenum import StrEnum
from collector.sweep import Family
from collector.text import safe

# `ss -V` told the date of a snapshot until 5.8. Those that changed the text: 3.14 (pid= and
# fd=), 4.7 (-H), 4.14 (brackets, and `*` for IPv6), 5.2 (-O).
SNAPSHOTS = {
    0: (2, 6),
    140411: (3, 14),
    160808: (4, 7),
    161212: (4, 9),
    170501: (4, 11),
    171112: (4, 14),
    180129: (4, 15),
    180813: (4, 18),
    190107: (4, 20),
    190708: (5, 2),
    191125: (5, 4),
    200127: (5, 5),
    200602: (5, 7),
}
VERSION = re.compile(rb"iproute2-(?:ss(\d{6})|v?(\d{1,4}(?:\.\d{1,4}){1,3}))").search
FLIPPED = (4, 14)


class Style(StrEnum):
    OLD = "old"
    NEW = "new"
    BLIND = "blind"  # a newer build that could not see v6only, for it had to read /proc (N57)


def parse_version(output: bytes) -> tuple[int, ...] | None:
    """
    Read `ss -V`; a snapshot's date counts as the latest release known by that date.

    >>> parse_version(b"ss utility, iproute2-6.1.0, libbpf 1.1.0")
    (6, 1, 0)
    >>> parse_version(b"ss utility, iproute2-ss170501")
    (4, 11)
    """
    match = VERSION(output)
    if not match:
        return None
    if match[1]:
        return SNAPSHOTS[max(date for date in SNAPSHOTS if date <= int(match[1]))]
    return tuple(int(number) for number in match[2].split(b"."))


def style_of(
    header: bytes, pairs: Iterable[tuple[bytes, bytes]], version: tuple[int, ...] | None
) -> Style | None:
    """
    Tell the style of a text from its addresses, local and peer, or else from the version.

    The text knows best: the version was asked some time ago, perhaps of a build that has been
    replaced since.
    """
    if b"Process" in header:
        return Style.NEW
    for host, peer in pairs:
        if style := _style(host, peer):
            return style
    if version:
        return Style.NEW if version >= FLIPPED else Style.OLD
    return None


@lru_cache(maxsize=4096)
def _style(host: bytes, peer: bytes) -> Style | None:
    """Tell the style of one pair of addresses, if it can be told."""
    if host.startswith((b"[", b"0.0.0.0")) or peer.startswith((b"[", b"0.0.0.0")):
        return Style.NEW
    if b":" in host or peer.startswith(b"::"):
        return Style.OLD
    if peer == b"*:*" and family_of(_address(host)[0]) is Family.V4:
        return Style.OLD  # the newer builds would have written 0.0.0.0:*
    return None


@lru_cache(maxsize=4096)
def _address(host: bytes) -> tuple[str, str]:
    address, device = split_zone(host.decode("utf-8", "surrogateescape"))
    return canonical(address), safe(device, 64)


@lru_cache(maxsize=4096)
def bound_to(host: bytes, v6only: bytes, style: Style | None) -> tuple[str, str, Family]:
    """Return address, device and family; v6only is b"" where it is not told. N2 to N8, N57."""
    address, device = _address(host)
    if address not in {"*", "::", "0.0.0.0"}:  # noqa: S104 -- read, not bound to
        return address, device, family_of(address)
    if v6only and address != "0.0.0.0":  # noqa: S104 -- read, not bound to
        return "::", device, Family.V6 if v6only == b"1" else Family.DUAL
    if address == "*" and style in {Style.NEW, Style.BLIND}:
        return "::", device, Family.DUAL if style is Style.NEW else Family.UNKNOWN
    if address == "0.0.0.0" or (address == "*" and style is Style.OLD):  # noqa: S104 -- see above
        return "0.0.0.0", device, Family.V4  # noqa: S104 -- see above
    if host.startswith(b"["):
        return address, device, Family.V6  # were it dual, it would say `*`
    return address, device, Family.UNKNOWN  # `*` of an unknown build, `:::80` without -e
