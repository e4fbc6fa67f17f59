"""Look at a machine: run `ss`, or read what it once printed, and make a sweep of it."""

import subprocess
from collections import defaultdict
from collections.abc import Collection
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from time import monotonic

from collector import machine, owners, ss
from collector.addresses import scope_of
from collector.sweep import Endpoint, Listener, OwnersSeen, Protocol, Sweep, Verdict
from collector.text import safe

PATHS = ("/usr/bin/ss", "/bin/ss", "/usr/sbin/ss", "/sbin/ss")
FLAGS = "-lntupHe"
# Nothing of the caller's environment may change what ss prints or reads (N13).
ENVIRONMENT = {"LC_ALL": "C", "PATH": "/usr/bin:/bin"}


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
        version = _version(path)
        reading = ss.parse(_run(path, FLAGS, timeout=timeout), version=ss.parse_version(version))
    except (OSError, subprocess.SubprocessError, ss.ParseError) as exc:
        return Sweep(
            **common,
            verdict=Verdict.FAILED,
            reason=_explain(exc),
            owners_seen=OwnersSeen.NONE,
            duration=monotonic() - started,
        )
    groups = _groups(reading)
    seen = owners.resolve(groups.values())
    return Sweep(
        **common,
        **_judge(reading),
        listeners=_listeners(groups, seen, machine.ephemeral_ports()),
        tool_version=safe(version.decode(errors="replace").strip(), 64),
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
def _version(path: str) -> bytes:
    return _run(path, "-V", timeout=10)


def _run(path: str, flags: str, *, timeout: float) -> bytes:
    # check=True: an error message on standard output must never be parsed as a listing.
    return subprocess.run(  # noqa: S603  # an absolute path of ours and constant flags
        [path, flags],
        check=True,
        capture_output=True,
        env=ENVIRONMENT,
        stdin=subprocess.DEVNULL,
        timeout=timeout,
    ).stdout


def _explain(exc: Exception) -> str:
    if isinstance(exc, subprocess.TimeoutExpired):
        return f"ss gave no answer within {exc.timeout:g} s."
    if isinstance(exc, subprocess.CalledProcessError):
        said = safe(exc.stderr.decode(errors="replace").strip(), 200)
        return f"ss ended with code {exc.returncode}: {said or 'it said nothing'}"
    return safe(str(exc), 300)


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
    )
