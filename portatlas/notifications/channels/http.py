"""
One POST to a receiver that nobody vouches for.

The connection goes to the very addresses that were checked, so that a name which is resolved
anew leads nowhere else. Redirects are not followed, and of the answer only its status is read.
Proxies of the environment are not asked: they would connect for us, wherever the name leads.
"""

import http.client
import socket
import ssl
from functools import cache
from ipaddress import ip_address

from portatlas.notifications.channels import SECONDS, FailedError
from portatlas.notifications.channels.deadline import Deadline
from portatlas.notifications.channels.targets import Place, RefusedError, is_allowed, parse

PRIVATE = (
    "{} is an address of this machine or of its own network. Set "
    "PORTATLAS_WEBHOOKS_PRIVATE=true to send into private networks."
)
NEVER = "{} is of no single host, or a place where clouds keep secrets: no message goes there."


class Connection(http.client.HTTPConnection):
    """A connection to addresses that are known, which ends at its deadline whatever happens."""

    def __init__(self, place: Place, addresses: list[tuple], deadline: Deadline) -> None:
        super().__init__(place.host, place.port)
        self.place, self.addresses, self.deadline = place, addresses, deadline
        self.default_port = 443 if place.is_tls else 80

    def connect(self) -> None:
        self.sock = self._first_that_answers()
        self.deadline.hold(self.sock)
        if self.place.is_tls:
            self.sock = tls().wrap_socket(self.sock, server_hostname=self.place.host)

    def close(self) -> None:
        super().close()
        self.deadline.release()

    def _first_that_answers(self) -> socket.socket:
        error: OSError = ConnectionRefusedError()
        for family, address in self.addresses:
            sock = socket.socket(family, socket.SOCK_STREAM)
            try:
                sock.settimeout(self.deadline.left())
                sock.connect(address)
            except OSError as exc:
                sock.close()
                error = exc
            else:
                return sock
        raise error


def post(url: str, body: bytes, headers: dict[str, str], *, allow_private: bool) -> None:
    """Send a body. Raises FailedError unless it is answered with a status from 200 to 299."""
    deadline = Deadline(SECONDS)
    try:
        place = parse(url)
        addresses = resolve(place, allow_private=allow_private)
    except RefusedError as exc:
        raise FailedError(str(exc), is_final=True) from None
    connection = Connection(place, addresses, deadline)
    try:
        connection.request("POST", place.path, body, headers)
        status = connection.getresponse().status
    except (OSError, http.client.HTTPException) as exc:
        raise FailedError(_reason(exc, place, is_late=deadline.is_over())) from None
    finally:
        connection.close()
    if not 200 <= status < 300:
        aside = " Redirects are not followed." if 300 <= status < 400 else ""
        raise FailedError(f"{place} answered {status}.{aside}")


def resolve(place: Place, *, allow_private: bool) -> list[tuple]:
    """
    Return the addresses of a place, each with its family.

    Raises RefusedError if one of them may not be asked, FailedError if there are none.
    """
    try:
        found = socket.getaddrinfo(place.host, place.port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):  # a name that can't be one at all is a UnicodeError
        raise FailedError(f"{place.host} is not found.") from None
    for *_rest, address in found:
        if not is_allowed(ip_address(address[0]), allow_private=allow_private):
            is_ever = is_allowed(ip_address(address[0]), allow_private=True)
            raise RefusedError((PRIVATE if is_ever else NEVER).format(place.host))
    return [(family, address) for family, *_rest, address in found]


@cache
def tls() -> ssl.SSLContext:
    return ssl.create_default_context()


def _reason(exc: Exception, place: Place, *, is_late: bool) -> str:
    if isinstance(exc, TimeoutError) or is_late:
        return f"{place} gave no answer within {SECONDS} s."
    if isinstance(exc, ssl.SSLCertVerificationError):
        return f"The certificate of {place} is not to be trusted: {exc.verify_message}."
    if isinstance(exc, ssl.SSLError):
        return f"{place} does not speak TLS as it should."
    if isinstance(exc, http.client.HTTPException):
        return f"{place} gave no answer that is HTTP."
    return f"{place} can't be reached: {exc.strerror or type(exc).__name__}."
