"""
Running containers, as their engines tell of them.

What a container publishes is held by a proxy of its engine (N47, N50), whose name says nothing
about the service behind it. Docker and podman answer the same question on a unix socket, and
so does whoever else listens there: an answer is bounded in time and size, and what makes no
sense in it is left out.
"""

from __future__ import annotations

import json
import os
import re
import stat
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import closing, suppress
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPException
from itertools import islice
from pathlib import Path
from socket import AF_UNIX, socket
from time import monotonic
from typing import Any

from collector.addresses import canonical, split_zone
from collector.sweep import Protocol
from collector.text import safe

SOCKETS = ("/run/docker.sock", "/var/run/docker.sock", "/run/podman/podman.sock")
OWN_SOCKETS = ("docker.sock", "podman/podman.sock")  # rootless, in the user's runtime directory
DOCKER = "/containers/json"
# The same of podman's own API, which tells ranges of ports and pods; Docker's shape, as podman
# fills it, has the first port of a range alone.
PODMAN = "/v4.0.0/libpod/containers/json"
PODMAN_SINCE = 4  # before, its own API told ports in another shape

LIMIT = 8 * 1024 * 1024  # bytes of an answer; a thousand containers are two million
MOST_PORTS = 200_000  # of one engine, over all addresses; nobody publishes more
FAILURES = (OSError, HTTPException, ValueError, RecursionError)

ID = re.compile(r"[0-9a-f]{12,64}").fullmatch
IMAGE_ID = re.compile(r"((?:sha256:)?[0-9a-f]{12})[0-9a-f]{52}").fullmatch
COMPOSE = ("com.docker.compose", "io.podman.compose")
# Podman names no address for all, and an old ss no family (N2).
ANY, ANY_V4, ANY_V6 = "*", "0.0.0.0", "::"  # noqa: S104  # compared, never bound

# Programs that hold a port for a container; passt is what pasta is a link to.
PROXIES = frozenset(
    {
        *("docker-proxy", "rootlesskit-docker-proxy", "dockerd", "rootlesskit", "vpnkit"),
        *("rootlessport", "conmon", "slirp4netns", "pasta", "pasta.avx2", "passt", "passt.avx2"),
        *("containerd-shim", "containerd-shim-runc-v1", "containerd-shim-runc-v2"),
    }
)
INSTALLED = ("/usr/", "/bin/", "/sbin/", "/opt/", "/snap/", "/nix/", "/run/current-system/")
PROXY_NAMES = frozenset(each[:15] for each in PROXIES)  # as the kernel cuts them (N28)


def is_proxy(process_name: str, exe: str) -> bool:
    """
    Whether a process holds its ports for a container.

    Its file tells, if it lies where only the administrator puts one; a name tells nothing.

    >>> is_proxy("exe", "/usr/bin/docker-proxy"), is_proxy("docker-proxy", "/tmp/docker-proxy")
    (True, False)
    """
    if exe:
        return exe.startswith(INSTALLED) and exe.rpartition("/")[2] in PROXIES
    return process_name in PROXY_NAMES


@dataclass(frozen=True)
class Container:
    id: str  # its first twelve hex digits
    name: str
    image: str
    compose_service: str  # "project/service", or ""


@dataclass(frozen=True)
class Containers:
    """The running containers, and at which addresses of the host they publish which port."""

    by_id: Mapping[str, Container] = field(default_factory=dict)
    by_port: Mapping[tuple[Protocol, int], Collection[tuple[str, Container]]] = field(
        default_factory=dict
    )

    def with_id(self, id: str) -> Container | None:  # noqa: A002  # what it is called everywhere
        """Return the container with this id, short or long."""
        return self.by_id.get(id[:12])

    def publishing(
        self, protocol: Protocol, port: int, addresses: Collection[str]
    ) -> Container | None:
        """
        Return the one container for which a proxy listens at these addresses.

        Two containers may publish one port at two addresses, or for IPv4 and for IPv6. None
        when there is no such container, and when there are several.
        """
        published = self.by_port.get((protocol, port), ())
        found = set()
        for bound in map(_address, addresses):
            fits = [(_fit(bound, address), container) for address, container in published]
            best = max((fit for fit, _ in fits), default=0)
            found |= {container for fit, container in fits if fit == best > 0}
        return found.pop() if len(found) == 1 else None


def running(*, timeout: float = 2) -> Containers:
    """
    Return what the engines of this machine say is running, within `timeout` seconds.

    Never raises: an engine that is absent, not ours to ask, slow or talking nonsense has no
    containers. Where several can be asked, each has its share of the time.
    """
    deadline = monotonic() + timeout
    paths = _sockets()
    by_id: dict[str, Container] = {}
    by_port = defaultdict(set)
    for number, path in enumerate(paths):
        share = (deadline - monotonic()) / (len(paths) - number)
        listing = _listing(path, monotonic() + share)
        by_id |= {each.id: each for each in map(_container, listing)}
        for protocol, port, address, short in islice(_published(listing), MOST_PORTS):
            by_port[protocol, port].add((address, by_id[short]))
    return Containers(by_id, {key: tuple(each) for key, each in by_port.items()})


def _sockets() -> list[str]:
    """Return the sockets that exist, each once: one is often a link to another."""
    own = os.environ.get("XDG_RUNTIME_DIR") or f"/run/user/{os.getuid()}"
    found: dict[tuple[int, int], str] = {}
    for path in (*SOCKETS, *(f"{own}/{each}" for each in OWN_SOCKETS)):
        with suppress(OSError, ValueError):  # absent, not ours to see, or no path at all
            status = Path(path).stat()
            if stat.S_ISSOCK(status.st_mode):
                found.setdefault((status.st_dev, status.st_ino), path)
    return list(found.values())


class _Socket(socket):
    """A socket of which every step, however small, counts against one deadline."""

    deadline = 0.0

    def recv_into(self, *args: Any) -> int:
        self.settimeout(self.left())
        return super().recv_into(*args)

    def left(self) -> float:
        left = self.deadline - monotonic()
        if left <= 0:
            raise TimeoutError
        return left


class _Engine(HTTPConnection):
    def __init__(self, path: str, deadline: float):
        super().__init__("localhost")
        self.path, self.deadline = path, deadline

    def connect(self) -> None:
        self.sock = _Socket(AF_UNIX)
        self.sock.deadline = self.deadline
        self.sock.settimeout(self.sock.left())
        self.sock.connect(self.path)


def _listing(path: str, deadline: float) -> list[dict[str, Any]]:
    """Return what an engine lists, as far as it is a list of containers with an id."""
    listing: Any = []
    with suppress(*FAILURES):
        listing, version = _get(path, DOCKER, deadline)
        if version >= PODMAN_SINCE:
            listing, _ = _get(path, PODMAN, deadline)
    if not isinstance(listing, list):
        return []
    entries = (each for each in listing if isinstance(each, dict))
    return [each for each in entries if ID(_text(each.get("Id")))]


def _get(path: str, target: str, deadline: float) -> tuple[Any, int]:
    """Return the JSON of an answer and the major version of podman, 0 if it is none."""
    with closing(_Engine(path, deadline)) as engine:
        engine.request("GET", target, headers={"Connection": "close"})
        with engine.getresponse() as response:
            if response.status != 200:
                raise HTTPException(response.status)
            answer = response.read(LIMIT + 1)
            if len(answer) > LIMIT:
                raise HTTPException("an answer without end")
            version = response.getheader("Libpod-API-Version", "").partition(".")[0]
    return json.loads(answer), int(version) if re.fullmatch("[0-9]{1,3}", version) else 0


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _container(entry: Mapping[str, Any]) -> Container:
    names = entry.get("Names")
    labels = entry.get("Labels")
    return Container(
        entry["Id"][:12],
        _name(names if isinstance(names, list) else []),
        _image(_text(entry.get("Image")) or _text(entry.get("ImageID"))),
        _compose_service(labels if isinstance(labels, dict) else {}),
    )


def _name(names: Iterable[Any]) -> str:
    """Return its own name. Docker also lists what linked containers call it: /other/alias."""
    own = sorted((_text(each).removeprefix("/") for each in names), key=lambda each: "/" in each)
    return safe(next(filter(None, own), ""))


def _image(image: str) -> str:
    """Return the name of an image, or the short id of one that has none."""
    match = IMAGE_ID(image)
    return match[1] if match else safe(image)


def _compose_service(labels: Mapping[str, Any]) -> str:
    for prefix in COMPOSE:
        if service := _text(labels.get(f"{prefix}.service")):
            project = _text(labels.get(f"{prefix}.project"))
            return safe(f"{project}/{service}" if project else service)
    return ""


def _published(listing: Iterable[Mapping[str, Any]]) -> Iterator[tuple[Protocol, int, str, str]]:
    """Yield protocol, port and address on the host, and the short id of the container."""
    for entry in listing:
        ports = entry.get("Ports")
        # All containers of a pod share its ports; the one that keeps it alive serves none.
        if not isinstance(ports, list) or entry.get("IsInfra") is True:
            continue
        for each in ports:
            with suppress(ValueError, TypeError, AttributeError):  # no port, or none of the host
                protocol = Protocol(each.get("Type", each.get("protocol")))
                address = _address(each.get("IP") or each.get("host_ip") or ANY)
                first = each.get("PublicPort", each.get("host_port", 0))
                for port in range(max(first, 1), min(first + (each.get("range") or 1), 65536)):
                    yield protocol, port, address, entry["Id"][:12]


def _address(text: str) -> str:
    """Return the one spelling of an address; a mapped IPv4 address is an IPv4 address (N8)."""
    return canonical(split_zone(text[:64])[0]).removeprefix("::ffff:")


def _fit(bound: str, published: str) -> int:
    """
    Return how well the address of a socket fits the one at which a container is published.

    Docker before 20.10 published 0.0.0.0 and bound both families, N49; rootless engines may
    bind more than they publish.
    """
    if bound == published:
        return 3
    if ANY in {bound, published}:
        return 2
    if {bound, published}.isdisjoint({ANY_V4, ANY_V6}):
        return 0
    return 2 if (":" in bound) == (":" in published) else 1
