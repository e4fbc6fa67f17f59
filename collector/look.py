"""Look at a machine: run `ss`, or read what it once printed, and make a sweep of it."""

from collections import defaultdict
from collections.abc import Collection
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from time import monotonic

from collector import machine, owners, ss, tool
from collector.addresses import scope_of
from collector.sweep import Endpoint, Listener, OwnersSeen, Protocol, Sweep, Verdict
from collector.text import safe

PATHS = ("/usr/bin/ss", "/bin/ss", "/usr/sbin/ss", "/sbin/ss")
FLAGS, OLD_FLAGS = "-lntupHe", "-lntupe"
KNOWS_NO_HEADER = (4, 7)  # from here on -H leaves the header out; before, it is an error (N1)


def at_this_machine(host_id: str, *, at: datetime, timeout: float, interval: float = 0) -> Sweep:
    """
    Return what this machine listens on. A look that failed is a failed sweep, and says why.

    `timeout` and `interval` are seconds; `interval` is when the next look is due, 0 if none is.
    """
    started = monotonic()
    common = {
        "host_id": host_id,
        "machine_id": machine.machine_id(),
        "boot_id": machine.boot_id(),
        "booted_at": machine.booted_at(),
        "taken_at": at,
        "interval": interval,
    }
    try:
        path = _find()
        said, version = _version(path)
        flags = OLD_FLAGS if version and version < KNOWS_NO_HEADER else FLAGS
        reading = ss.parse(tool.run(path, flags, timeout=timeout), version=version)
    except (OSError, tool.ToolError, ss.ParseError) as exc:
        return Sweep(
            **common,
            verdict=Verdict.FAILED,
            reason=safe(str(exc), 300),
            owners_seen=OwnersSeen.NONE,
            duration=monotonic() - started,
        )
    groups = _groups(reading)
    seen = owners.resolve(groups.values())
    return Sweep(
        **common,
        **_judge(reading),
        listeners=_listeners(groups, seen, machine.ephemeral_ports()),
        tool_version=said,
        owners_seen=seen.seen,
        owners_reason=seen.reason,
        skipped=reading.skipped,
        duration=monotonic() - started,
    )


def at_saved_output(output: bytes, host_id: str, *, at: datetime) -> Sweep:
    """Return the sweep in the saved output of `ss`. Raises ss.ParseError when it is none."""
    reading = ss.parse(output)
    groups = _groups(reading)
    seen = owners.recorded(groups.values(), with_users=reading.with_users)
    return Sweep(
        host_id=host_id,
        taken_at=at,
        source="file",
        **_judge(reading),
        listeners=_listeners(groups, seen, machine.EPHEMERAL),
        owners_seen=seen.seen,
        owners_reason=seen.reason,
        skipped=reading.skipped,
    )


def _find() -> str:
    for path in PATHS:
        if Path(path).exists():
            return path
    raise FileNotFoundError(f"ss was not found in {', '.join(PATHS)}; install iproute2")


@lru_cache
def _version(path: str) -> tuple[str, tuple[int, ...] | None]:
    """Return what this ss calls itself, and its version if it tells one. Asked once."""
    said = tool.run(path, "-V", timeout=10)
    return safe(said.strip(), 64), ss.parse_version(said)


def _judge(reading: ss.Reading) -> dict:
    """Return verdict and reason for what was read, as far as the text itself can tell."""
    if reading.unreadable:
        return {
            "verdict": Verdict.PARTIAL,
            "reason": f"{reading.unreadable} rows could not be read, "
            f"the first is: {reading.sample}",
        }
    if not reading.sockets:
        return {"verdict": Verdict.SUSPECT, "reason": "ss listed no port at all."}
    return {"verdict": Verdict.COMPLETE}


def _groups(reading: ss.Reading) -> dict[tuple[Protocol, int], list[ss.Socket]]:
    groups = defaultdict(list)
    for socket in reading.sockets:
        groups[socket.protocol, socket.port].append(socket)
    return dict(sorted(groups.items()))


def _listeners(
    groups: dict[tuple[Protocol, int], list[ss.Socket]],
    seen: owners.Owners,
    ephemeral: Collection[int],
) -> tuple[Listener, ...]:
    return tuple(
        Listener(
            protocol,
            port,
            tuple(sorted(map(_endpoint, group), key=lambda end: (end.address, end.identity))),
            owner,
            is_client=protocol == Protocol.UDP and port in ephemeral,
        )
        for ((protocol, port), group), owner in zip(groups.items(), seen.found, strict=True)
    )


def _endpoint(socket: ss.Socket) -> Endpoint:
    return Endpoint(
        socket.address,
        socket.device,
        scope_of(socket.address, socket.device),
        socket.backlog,
        socket.limit,
        socket.cookie,
        socket.inode,
        socket.family,
    )
