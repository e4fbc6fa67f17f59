"""A connection ends at its deadline, even if its other end says a byte now and then."""

import socket
import threading
import time
from contextlib import suppress


class Deadline:
    """
    A point in time by which something is done. Sockets that it guards are shut down then.

    The timeout of a socket is of one operation: of a slow receiver it would never come.
    """

    def __init__(self, seconds: float) -> None:
        self.end = time.monotonic() + seconds
        self.guard: socket.socket | None = None

    def is_over(self) -> bool:
        return time.monotonic() >= self.end

    def left(self) -> float:
        """Return the seconds that are left. Raises TimeoutError if there are none."""
        left = self.end - time.monotonic()
        if left <= 0:
            raise TimeoutError
        return left

    def hold(self, sock: socket.socket) -> None:
        """Guard a socket until release(). Raises TimeoutError."""
        left = self.left()
        # One of TLS can't be duplicated as such.
        self.guard = socket.fromfd(sock.fileno(), sock.family, sock.type)
        self.timer = threading.Timer(left, _hang_up, [self.guard])
        self.timer.daemon = True
        self.timer.start()

    def release(self) -> None:
        if self.guard:
            self.timer.cancel()
            self.guard.close()
            self.guard = None


def _hang_up(guard: socket.socket) -> None:
    with suppress(OSError):  # it was over just before
        guard.shutdown(socket.SHUT_RDWR)
