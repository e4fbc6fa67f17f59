"""What this machine's /etc/services calls a port: a hint for the reader, never an owner."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path

from collector.sweep import Protocol
from collector.text import safe

PATH = "/etc/services"
LIMIT = 1 << 20  # bytes; IANA's whole registry is smaller


def name(protocol: Protocol, port: int) -> str:
    """Return the well-known name of a port, "" if it has none. The file is read once."""
    return _names(PATH).get((protocol, port), "")


def ports(protocol: Protocol) -> frozenset[int]:
    """Return the ports that have a well-known name."""
    return frozenset(port for of, port in _names(PATH) if of == protocol)


@lru_cache(maxsize=1)
def _names(path: str) -> Mapping[tuple[Protocol, int], str]:
    """Return the name of each port; the first of several, as getservbyport(3) does."""
    names: dict[tuple[Protocol, int], str] = {}
    for line in _lines(path):
        words = line.partition(b"#")[0].split(None, 2)
        if len(words) < 2:
            continue
        digits, _, protocol = words[1].partition(b"/")
        port = int(digits) if digits.isdigit() and len(digits) <= 5 else 0
        if 0 < port <= 65535 and protocol in {b"tcp", b"udp"}:
            names.setdefault((Protocol(protocol.decode()), port), safe(words[0], 64))
    return names


def _lines(path: str) -> list[bytes]:
    file = Path(path)
    try:
        if not file.is_file():  # to read a pipe would be to wait for its writer
            return []
        with file.open("rb") as stream:
            text = stream.read(LIMIT + 1)
    except OSError:
        return []
    if len(text) > LIMIT:
        text = text[: text.rfind(b"\n", 0, LIMIT) + 1]  # half a line names the wrong port
    return text.splitlines()
