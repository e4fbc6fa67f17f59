"""Run a tool of the system: bounded in time and in size, with nothing of our environment."""

from __future__ import annotations

import os
import selectors
import signal
import subprocess
from time import monotonic

from collector.text import safe

LIMIT = 32 * 1024 * 1024  # bytes of output; ten thousand listeners are one million
# Nothing of the caller's environment may change what ss prints or reads (N13).
ENVIRONMENT = {"LC_ALL": "C", "PATH": "/usr/bin:/bin"}


class ToolError(Exception):
    """The tool did not do what it was asked; the message is a sentence that says why."""


def run(*command: str, timeout: float, limit: int = LIMIT) -> bytes:
    """
    Return the standard output of a command that ended with 0, within `timeout` seconds.

    Raises ToolError if it did not: what it printed until then must not pass for all (N56, N58).
    """
    deadline = monotonic() + timeout
    process = subprocess.Popen(  # noqa: S603  # an absolute path of ours and constant arguments
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=ENVIRONMENT,
        start_new_session=True,
        bufsize=0,
    )
    name = os.path.basename(command[0])  # noqa: PTH119  # a name, no path
    with process:
        try:
            output, errors = _read(process, deadline, limit)
            status = process.wait(max(0, deadline - monotonic()))
        except (TimeoutError, subprocess.TimeoutExpired) as exc:
            raise ToolError(f"{name} gave no answer within {timeout:g} s.") from exc
        except OverflowError as exc:
            raise ToolError(f"{name} printed more than {limit} bytes.") from exc
        finally:
            if process.returncode is None:  # not reaped, so the number is still its own
                os.killpg(process.pid, signal.SIGKILL)
    if status:
        said = safe(errors.strip(), 200)
        raise ToolError(f"{name} ended with code {status}: {said or 'it said nothing'}")
    return output


def _read(process, deadline: float, limit: int) -> tuple[bytes, bytes]:
    """Return output and errors, once both have ended. Raises TimeoutError, OverflowError."""
    read = {process.stdout: bytearray(), process.stderr: bytearray()}
    with selectors.DefaultSelector() as selector:
        for stream in read:
            selector.register(stream, selectors.EVENT_READ)
        while selector.get_map():
            ready = selector.select(max(0, deadline - monotonic()))
            if not ready:
                raise TimeoutError
            for key, _ in ready:
                data = os.read(key.fd, 1 << 16)
                read[key.fileobj] += data
                if not data:
                    selector.unregister(key.fileobj)
                elif len(read[key.fileobj]) > limit:
                    raise OverflowError
    return bytes(read[process.stdout]), bytes(read[process.stderr])
