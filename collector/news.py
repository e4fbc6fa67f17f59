"""
What the kernel told of sockets between two looks: a line for each, with its times.

Pure. A look says what is; this says when that began, and what came and went meanwhile. It travels
in the sweep that follows it.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any, NamedTuple

Key = tuple[str, int]


class SocketNews(NamedTuple):
    """A socket that began to hold a port, or ceased to, or both, since the last look."""

    protocol: str  # "tcp" or "udp"
    port: int
    address: str
    cookie: str  # the kernel's id of the socket, in hex, as `ss -e` prints it
    pid: int | None  # who bound it; None when that was before anybody listened
    process_name: str
    opened_at: datetime | None  # None: before the last look
    closed_at: datetime | None  # None: not yet

    @property
    def key(self) -> Key:
        return self.protocol, self.port


@dataclass(frozen=True)
class News:
    """All that was told since the last look. Empty, and false, where nobody listens."""

    sockets: tuple[SocketNews, ...] = ()
    lost: int = 0  # events for which the kernel had no room

    def __bool__(self) -> bool:
        return bool(self.sockets or self.lost)

    def __add__(self, later: News) -> News:
        return News(self.sockets + later.sockets, self.lost + later.lost)

    @cached_property
    def by_key(self) -> dict[Key, tuple[SocketNews, ...]]:
        """The news of each port, in the order in which they were told."""
        found: dict[Key, list[SocketNews]] = {}
        for each in self.sockets:
            found.setdefault(each.key, []).append(each)
        return {key: tuple(told) for key, told in found.items()}

    def opened_at(self, key: Key, cookies: Collection[str]) -> datetime | None:
        """Return when the first of the sockets that hold a port now began to, if that was told."""
        told = (each for each in self.by_key.get(key, ()) if each.cookie in cookies)
        return min((each.opened_at for each in told if each.opened_at), default=None)

    def closed_at(self, key: Key) -> datetime | None:
        """
        Return when the last socket that ceased to hold a port did so, if that was told.

        It was not, if another one began to, of whose end nothing is known.
        """
        told = self.by_key.get(key, ())
        ends = [each.closed_at for each in told if each.closed_at]
        return max(ends) if ends and len(ends) == len(told) else None

    def as_json(self) -> dict[str, Any]:
        """Return the news as JSON-ready values."""
        return {
            "lost": self.lost,
            "sockets": [
                {
                    **each._asdict(),
                    "opened_at": each.opened_at and each.opened_at.isoformat(),
                    "closed_at": each.closed_at and each.closed_at.isoformat(),
                }
                for each in self.sockets
            ],
        }


NO_NEWS = News()
