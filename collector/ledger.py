"""
What the kernel told since the last look, socket by socket. Pure.

A socket that opened and closed again leaves the ports as they were: it is news, but nothing that
a look would see, and rings no bell. Resolvers and health checks have such sockets by the thousand.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import NamedTuple, Optional

from collector.news import News, SocketNews

MOST = 1_000  # sockets of one report, the last ones; what is beyond that the look tells alone


class SocketEvent(NamedTuple):
    """A socket that began to hold a port, or ceased to, as the kernel told it."""

    is_open: bool
    protocol: str
    port: int
    address: str
    cookie: str  # in hex, as `ss -e` prints it
    pid: int | None
    process_name: str
    at: float  # seconds of CLOCK_MONOTONIC


# Its last event, how it opened, how it closed.
_Life = tuple[SocketEvent, Optional[SocketEvent], Optional[SocketEvent]]


class Ledger:
    """The events since the last report, and those of the report before that may still be paired."""

    def __init__(self) -> None:
        self._opened: dict[str, SocketEvent] = {}  # what holds a port, by cookie
        self._reported: dict[str, SocketEvent] = {}  # the same, of the last report
        self._ended: deque[tuple[SocketEvent | None, SocketEvent]] = deque(maxlen=MOST)
        self._is_less = False  # whether a socket that the last look may have seen has closed
        self._lost = 0

    @property
    def is_ringing(self) -> bool:
        """Whether a look might see something else than the last one did."""
        return bool(self._opened or self._is_less or self._lost)

    def note(self, events: Iterable[SocketEvent], lost: int = 0) -> None:
        """Take in what was told, in its order; `lost` more events were not."""
        for event in events:
            if event.is_open:
                self._opened[event.cookie] = event
            elif event.cookie in self._opened:
                self._ended.append((self._opened.pop(event.cookie), event))
            else:
                self._ended.append((self._reported.pop(event.cookie, None), event))
                self._is_less = True
        self._lost += lost

    def report(self, at: datetime, now: float) -> News:
        """Return what is new at a time, which is `now` by the clock of the events. Begin anew."""
        lives: list[_Life] = [(closed, opened, closed) for opened, closed in self._ended]
        lives += [(opened, opened, None) for opened in self._opened.values()]
        lives.sort(key=lambda life: life[0].at)

        def time(event: SocketEvent | None) -> datetime | None:
            return event and at - timedelta(seconds=max(0.0, now - event.at))

        sockets = [
            SocketNews(
                last.protocol,
                last.port,
                last.address,
                last.cookie,
                last.pid,
                last.process_name,
                time(opened),
                time(closed),
            )
            for last, opened, closed in lives[-MOST:]
        ]
        news = News(tuple(sockets), self._lost)
        self._reported, self._opened = self._opened, {}
        self._ended.clear()
        self._is_less, self._lost = False, 0
        return news
