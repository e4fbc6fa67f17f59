"""A small hub for the agent to talk to: over real sockets, and as ill-behaved as a test likes."""

import gzip
import ipaddress
import json
import socketserver
import ssl
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.message import Message
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

PATIENCE = 20  # seconds until a test gives up


@dataclass
class Told:
    """What an agent posted."""

    sweep: dict[str, Any]
    headers: Message
    path: str
    size: int  # bytes that travelled

    @property
    def is_whole(self) -> bool:
        return "listeners" in self.sweep


@dataclass
class Says:
    """An answer."""

    status: int = 200
    body: Any = field(default_factory=lambda: {"outcome": "recorded", "verdict": "complete"})
    headers: dict[str, str] = field(default_factory=dict)


def problem(status: int, name: str, detail: str = "", **headers: str) -> Says:
    body = {"type": f"/problems/{name}", "status": status, "title": name, "detail": detail}
    return Says(status, body, {"Content-Type": "application/problem+json", **headers})


class ScriptedHub:
    """
    A hub that does what the protocol says, but for the answers that a test puts first.

    `told` is all that it was posted, `script` the answers to the next posts. It gives a whole
    sweep a digest, and asks for the whole when a digest is none of its own.
    """

    def __init__(self, port: int = 0, wrap: Callable | None = None) -> None:
        self.told: list[Told] = []
        self.script: list[Says] = []
        self.digests: set[str] = set()
        self.lock = threading.Lock()  # while a test holds it, nobody gets an answer
        self.waiting = False  # whether somebody has asked and got none yet
        self._news = threading.Condition()
        hub = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                data = self.rfile.read(int(self.headers["Content-Length"]))
                is_gzip = self.headers["Content-Encoding"] == "gzip"
                sweep = json.loads(gzip.decompress(data) if is_gzip else data)
                hub.waiting = True
                with hub.lock:
                    hub.waiting = False
                says = hub.hear(Told(sweep, self.headers, self.path, len(data)))
                body = says.body if isinstance(says.body, bytes) else json.dumps(says.body).encode()
                self.send_response(says.status)
                for name, value in says.headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass

        class Server(ThreadingHTTPServer):
            def handle_error(self, *_):
                """An agent that was killed leaves a connection half closed."""

            # The base class looks up the name of the machine, which nobody needs.
            server_bind = socketserver.TCPServer.server_bind

        self._server = Server(("127.0.0.1", port), Handler)
        self._scheme = "https" if wrap else "http"
        if wrap:
            self._server.socket = wrap(self._server.socket)
        self.port = self._server.server_address[1]
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))
        self._thread.start()

    @property
    def url(self) -> str:
        return f"{self._scheme}://127.0.0.1:{self.port}"

    def hear(self, told: Told) -> Says:
        with self._news:
            self.told.append(told)
            says = self.script.pop(0) if self.script else self._usual(told)
            self._news.notify_all()
            return says

    def wait(self, count: int) -> list[Told]:
        """Return all that was posted, as soon as it is so many."""
        with self._news:
            assert self._news.wait_for(lambda: len(self.told) >= count, PATIENCE), self.told
            return list(self.told)

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def _usual(self, told: Told) -> Says:
        if told.is_whole:
            digest = f"{len(self.told):032x}"
            self.digests.add(digest)
        elif told.sweep["digest"] in self.digests:
            digest = told.sweep["digest"]
        else:
            return problem(412, "unknown-digest")
        outcome = "recorded" if told.is_whole else "unchanged"
        verdict = told.sweep["verdict"]
        return Says(body={"outcome": outcome, "verdict": verdict, "reason": "", "digest": digest})


def certify(folder: Path) -> tuple[Path, Callable]:
    """Return the file of a certificate for 127.0.0.1, and what puts TLS around a socket with it."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "a hub")])
    now = datetime.now(UTC)
    alternatives = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(alternatives, critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    path, secret = folder / "hub.pem", folder / "hub.key"
    path.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    secret.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(path, secret)
    return path, partial(context.wrap_socket, server_side=True)
