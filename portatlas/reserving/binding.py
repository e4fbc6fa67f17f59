"""Whether a port can be bound here: what holds one without listening is in no list (N39)."""

import errno
import socket

ANYWHERE = ((socket.AF_INET, "0.0.0.0"), (socket.AF_INET6, "::"))  # noqa: S104  # every address
KINDS = {"tcp": socket.SOCK_STREAM, "udp": socket.SOCK_DGRAM}


def is_taken(protocol: str, port: int) -> bool:
    """
    Whether some socket of this machine is bound to a port, on any of its addresses.

    It is bound for a moment and listens at no time. Without SO_REUSEADDR: with it, the kernel
    would not tell of a socket that has it, too. So a port whose last connections were closed
    within a minute is taken still. What may not be bound, for want of privileges, is not known
    to be taken.
    """
    kind = KINDS[protocol]
    try:
        with socket.socket(socket.AF_INET6, kind) as probe:
            # With this it is bound for IPv4, too.
            probe.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
            return _is_taken(probe, "::", port)
    except OSError:  # the kernel was started without IPv6
        with socket.socket(socket.AF_INET, kind) as probe:
            return _is_taken(probe, "0.0.0.0", port)  # noqa: S104  # every address


def _is_taken(probe: socket.socket, address: str, port: int) -> bool:
    try:
        probe.bind((address, port))
    except OSError as exc:
        return exc.errno == errno.EADDRINUSE
    return False


def obstacle(protocol: str, address: str, port: int) -> int:
    """
    Return why a server could not be bound to an address now, as an errno, 0 if it could.

    `address` is "" for every one. As container engines do it: with SO_REUSEADDR for TCP, so that
    connections which were just closed are in nobody's way.
    """
    wanted = ANYWHERE if not address else ((_family(address), address),)
    return next(filter(None, (_obstacle(*each, KINDS[protocol], port) for each in wanted)), 0)


def _family(address: str) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in address else socket.AF_INET


def _obstacle(family: int, address: str, kind: int, port: int) -> int:
    try:
        with socket.socket(family, kind) as probe:
            if kind == socket.SOCK_STREAM:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if family == socket.AF_INET6:
                probe.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            probe.bind((address, port))
    except OSError as exc:
        return exc.errno if exc.errno in {errno.EADDRINUSE, errno.EADDRNOTAVAIL} else 0
    return 0
