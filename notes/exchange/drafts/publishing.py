"""What the services of a compose file publish on the host, each port by itself."""

from collections.abc import Iterator
from typing import NamedTuple

from notes.exchange import as_yaml
from notes.exchange.drafts import ranges
from notes.exchange.drafts.draft import WIDEST, clean
from notes.exchange.drafts.variables import UnresolvedError, resolve
from notes.exchange.faults import BadFileError
from notes.exchange.node import Node

PROTOCOLS = {"tcp", "udp"}
MOST_SERVICES = 5_000


class Remark(NamedTuple):
    """What can't be told of the file, in a sentence."""

    line: int
    text: str


class Published(NamedTuple):
    """A port of the host, and that of the container behind it."""

    line: int
    host_ip: str
    protocol: str
    port: int
    target: int


class Service(NamedTuple):
    """A service by its name, made harmless, and what the file says of it."""

    name: str
    line: int
    said: dict[str, Node]


class Project(NamedTuple):
    """A compose file: what it calls itself, "" if it doesn't, and what it has, in its order."""

    name: str
    parts: list[Service | Remark]


class _Item(NamedTuple):
    """What one item of `ports` says, as it is written."""

    host_ip: str
    published: str
    target: str
    protocol: str


class _UnclearError(Exception):
    """An item of `ports` names no port of the host; the message says why."""


def read(text: str) -> Project:
    """Return what a compose file has. Raises BadFileError if it is none."""
    root = as_yaml.read(text, foreign=True)
    services = root.value.get("services") if isinstance(root.value, dict) else None
    if services is None or not isinstance(services.value, dict):
        raise BadFileError.at(1, "This is no compose file: it has no services.")
    if len(services.value) > MOST_SERVICES:
        raise BadFileError.at(services.line, f"It has more than {MOST_SERVICES} services.")
    found = Project(clean(resolved(text_of(root.value.get("name"))), 100), [])
    if "include" in root.value:
        found.parts.append(Remark(root.value["include"].line, "include is not followed."))
    for name, service in services.value.items():
        if isinstance(service.value, dict):
            found.parts.append(Service(clean(name, 100), service.line, service.value))
        else:
            remark = f"{clean(name, 100)} is no service: it is left out."
            found.parts.append(Remark(service.line, remark))
    return found


def published(part: Service | Remark) -> Iterator[Published | Remark]:
    """
    Yield what a part of a file publishes, and what of that can't be told.

    Variables are resolved by their defaults alone.
    """
    if isinstance(part, Remark):
        yield part
        return
    name, line, said = part
    if "extends" in said:
        yield Remark(said["extends"].line, f"{name}: extends is not followed.")
    if text_of(said.get("network_mode")) == "host":
        text = f"{name} is on the network of the host: its ports aren't told here."
        yield Remark(said["network_mode"].line, text)
    ports = said.get("ports", Node(line, None)).value
    if ports and not isinstance(ports, list):
        yield Remark(said["ports"].line, f"{name}: ports is no list.")
        return
    for item in ports or ():
        try:
            yield from _ports(item)
        except UnresolvedError as exc:
            yield Remark(item.line, f"{name}: {clean(str(exc), 60)} has no default.")
        except _UnclearError as exc:
            yield Remark(item.line, f"{name}: {exc}.")


def _ports(item: Node) -> Iterator[Published]:
    ip, published, target, protocol = _long(item) if isinstance(item.value, dict) else _short(item)
    if protocol not in PROTOCOLS:
        raise _UnclearError(f"{clean(protocol, 20)} is no protocol that is looked at")
    inside = _range(target)
    if not published:
        raise _UnclearError(f"docker chooses the port for {target} when it starts")
    outside = _range(published)
    if len(outside) > WIDEST:
        raise _UnclearError(f"{published} are {len(outside)} ports, {WIDEST} at most are read")
    if len(inside) != len(outside):
        raise _UnclearError(f"docker chooses one of {published} for {target} when it starts")
    for port, within in zip(outside, inside, strict=True):
        yield Published(item.line, ip, protocol, port, within)


def _range(text: str) -> range:
    try:
        return ranges.ports(text)
    except ValueError as exc:
        raise _UnclearError(f"{clean(text, 40) or 'nothing'} is no port: {exc}") from exc


def _short(item: Node) -> _Item:
    """
    Read `[[ip:][published]:]target[/protocol]`.

    >>> _short(Node(1, "127.0.0.1:8000-8001:80-81/udp"))
    _Item(host_ip='127.0.0.1', published='8000-8001', target='80-81', protocol='udp')
    >>> _short(Node(1, "[::1]::80"))
    _Item(host_ip='[::1]', published='', target='80', protocol='tcp')
    """
    if not isinstance(item.value, str):
        raise _UnclearError("what is no text and no mapping publishes nothing")
    ports, slash, protocol = resolve(item.value).partition("/")
    rest, _colon, target = ports.rpartition(":")
    host_ip, _colon, published = rest.rpartition(":")
    return _Item(host_ip, published, target, protocol.lower() if slash else "tcp")


def _long(item: Node) -> _Item:
    said = {name: text_of(node) for name, node in item.value.items()}
    return _Item(
        resolve(said.get("host_ip", "")),
        resolve(said.get("published", "")),
        resolve(said.get("target", "")),
        resolve(said.get("protocol") or "tcp").lower(),
    )


def resolved(text: str) -> str:
    """Return a text, or nothing if the environment knows more of it."""
    try:
        return resolve(text)
    except UnresolvedError:
        return ""


def text_of(node: Node | None) -> str:
    return node.value if node is not None and isinstance(node.value, str) else ""
