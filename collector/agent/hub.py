"""The hub: where reports are posted, one request and one connection each."""

from __future__ import annotations

import re
import socket
from contextlib import suppress
from dataclasses import replace
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from pathlib import Path
from threading import Timer
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from collector.agent import credential
from collector.agent.answer import Answer, Then, understand
from collector.agent.report import Body
from collector.agent.version import VERSION

if TYPE_CHECKING:
    import ssl

PATH = "/api/v1/sweeps/"
PATIENCE = 10.0  # seconds, for connection and answer together
LONGEST_ANSWER = 64 << 10  # bytes
ADDRESS = re.compile(r"https?://[^\s/?#@\\]+(/[^\s?#]*)?", re.ASCII).fullmatch
NEAR = re.compile(r"localhost|::1|127(\.[0-9]{1,3}){3}").fullmatch


class AddressError(Exception):
    """This can't be where a hub is; the message is a sentence that says why."""


class Hub:
    """
    A hub at an address like `https://atlas.example.org`.

    It is believed who it is only by its certificate: one that the system trusts, or one that
    `ca_file` does. `token_file` is read for each request, so that a new token needs no restart.
    Raises AddressError.
    """

    def __init__(self, url: str, token_file: Path, ca_file: Path | None = None) -> None:
        try:
            parts = urlsplit(url)
            port = parts.port
        except ValueError as exc:
            raise AddressError(f"{url} is no address: {exc}.") from exc
        if not ADDRESS(url) or not parts.hostname:
            raise AddressError(f"{url} is no address like https://atlas.example.org.")
        self._token_file = token_file
        self._tls = _context(ca_file) if parts.scheme == "https" else None
        # Told none, http.client takes the end of an IPv6 address for the port.
        self._host, self._port = parts.hostname, port or (443 if self._tls else 80)
        # Where a redirect leads, which may have been taken for the hub's address, ends in it.
        self._path = parts.path.rstrip("/").removesuffix(PATH.rstrip("/")) + PATH

    @property
    def is_in_clear(self) -> bool:
        """Whether others on the way can read the token."""
        return self._tls is None and not NEAR(self._host)

    def post(self, body: Body) -> Answer:
        """Return what the hub has to say to a report. Never raises."""
        try:
            token = credential.read(self._token_file)
        except credential.CredentialError as exc:
            return Answer(Then.BE_LET_IN, str(exc))
        try:
            status, headers, said = self._exchange(body, token)
        except (OSError, HTTPException, ValueError, RuntimeError) as exc:  # the last: no thread
            answer = Answer(Then.TRY_AGAIN, f"It can't be reached: {_reason(exc)}.")
        else:
            answer = understand(status, headers, said.replace(token.encode(), b"..."))
        # A hub that repeats the token, wherever it does, does not get it into a log.
        return replace(answer, why=answer.why.replace(token, "..."))

    def _exchange(self, body: Body, token: str) -> tuple[int, Any, bytes]:
        headers = {
            "Authorization": f"Bearer {token}",
            "Content-Type": "application/json",
            "Connection": "close",
            "User-Agent": f"portatlas-agent/{VERSION}",
        }
        if body.is_gzip:
            headers["Content-Encoding"] = "gzip"
        connection = _Connection(self._host, self._port, self._tls)
        # The time of a socket begins anew with each byte; this one does not.
        timer = Timer(PATIENCE, connection.abort)
        timer.daemon = True
        timer.start()
        try:
            connection.request("POST", self._path, body.data, headers)
            response = connection.getresponse()
            said = response.read(LONGEST_ANSWER + 1)
        except (OSError, HTTPException, ValueError) as exc:
            if connection.is_over:  # which shows in many ways
                raise socket.timeout from exc
            raise
        finally:
            timer.cancel()
            connection.close()
        if connection.is_over:
            raise socket.timeout
        if len(said) > LONGEST_ANSWER:
            raise HTTPException("its answer has no end")
        return response.status, response.headers, said


class _Connection(HTTPConnection):
    """A connection that another thread can end, whatever it is waiting for."""

    def __init__(self, host: str, port: int, tls: ssl.SSLContext | None) -> None:
        self.default_port = HTTPSConnection.default_port if tls else HTTPConnection.default_port
        # If nobody answers at one address of the hub there is time for another.
        super().__init__(host, port, timeout=PATIENCE / 3)
        self._tls = tls
        self._used: socket.socket | None = None  # by the answer too, after the connection let go
        self.is_over = False

    def connect(self) -> None:
        super().connect()
        self.sock.settimeout(PATIENCE)
        if self._tls:
            secured = self._tls.wrap_socket(
                self.sock, server_hostname=self.host, do_handshake_on_connect=False
            )
            self._use(secured)
            secured.do_handshake()
        else:
            self._use(self.sock)

    def abort(self) -> None:
        self.is_over = True
        if self._used:  # else it is found as soon as there is anything to end
            with suppress(OSError):
                # Not that of TLS, which would change what the other thread is using.
                socket.socket.shutdown(self._used, socket.SHUT_RDWR)

    def _use(self, sock: socket.socket) -> None:
        self.sock = self._used = sock
        if self.is_over:
            raise socket.timeout


def _context(ca_file: Path | None) -> ssl.SSLContext:
    """Return the rules by which a hub is believed. Raises AddressError."""
    import ssl  # noqa: PLC0415  # four megabytes that a hub without TLS does not need

    try:
        context = ssl.create_default_context(cafile=ca_file)
    except (OSError, ValueError) as exc:
        raise AddressError(f"{ca_file} can't be read as certificates in PEM: {exc}.") from exc
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


def _reason(exc: Exception) -> str:
    if isinstance(exc, socket.timeout):
        return "no answer in time"
    message = getattr(exc, "verify_message", "")
    if message:
        return f"its certificate is not trusted ({message}); see --ca-file"
    if getattr(exc, "reason", "") == "WRONG_VERSION_NUMBER":
        return "it speaks no TLS there, as plain http:// does not"
    return getattr(exc, "strerror", None) or str(exc).strip() or type(exc).__name__
