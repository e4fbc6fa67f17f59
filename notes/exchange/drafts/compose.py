"""Notes from a compose file of docker: the ports that its services publish on the host."""

from typing import NamedTuple

from notes.exchange import as_yaml
from notes.exchange.document import Document
from notes.exchange.drafts import known, ranges
from notes.exchange.drafts.draft import WIDEST, Draft, clean, words
from notes.exchange.drafts.variables import UnresolvedError, resolve
from notes.exchange.faults import BadFileError
from notes.exchange.node import Node

PROTOCOLS = {"tcp", "udp"}
MOST_SERVICES = 5_000
MOST_LABELS = 200  # of one service
# Labels by which people say these things already; ours come first.
TITLES = ("portatlas.title", "homepage.name", "org.opencontainers.image.title")
DESCRIPTIONS = (
    "portatlas.description",
    "homepage.description",
    "org.opencontainers.image.description",
)
OWNERS = ("portatlas.owner", "org.opencontainers.image.authors")
URLS = ("homepage.href", "org.opencontainers.image.url")
TAGS = "portatlas.tags"
LABELS = (*TITLES, *DESCRIPTIONS, *OWNERS, *URLS, TAGS)


class Published(NamedTuple):
    """What one item of `ports` says, as it is written."""

    host_ip: str
    published: str
    target: str
    protocol: str


class _UnclearError(Exception):
    """An item of `ports` names no port of the host; the message says why."""


def draft(text: str, host: str | None) -> Document:
    """
    Return notes about what the services of a compose file publish.

    Variables are resolved by their defaults alone. Raises BadFileError.
    """
    root = as_yaml.read(text, foreign=True)
    services = root.value.get("services") if isinstance(root.value, dict) else None
    if services is None or not isinstance(services.value, dict):
        raise BadFileError.at(1, "This is no compose file: it has no services.")
    if len(services.value) > MOST_SERVICES:
        raise BadFileError.at(services.line, f"It has more than {MOST_SERVICES} services.")
    if not host:
        raise BadFileError.at(0, "A compose file doesn't say on which host it runs: name it.")
    found = Draft()
    if "include" in root.value:
        found.remark(root.value["include"].line, "include is not followed.")
    for name, service in services.value.items():
        if isinstance(service.value, dict):
            _service(found, host, clean(name, 100), service)
        else:
            found.remark(service.line, f"{clean(name, 100)} is no service: it is left out.")
    return found.document()


def _service(found: Draft, host: str, name: str, service: Node) -> None:
    said = service.value
    if "extends" in said:
        found.remark(said["extends"].line, f"{name}: extends is not followed.")
    if _text(said.get("network_mode")) == "host":
        line = said["network_mode"].line
        found.remark(line, f"{name} is on the network of the host: its ports aren't told here.")
    ports = said.get("ports", Node(service.line, None)).value
    if ports and not isinstance(ports, list):
        found.remark(said["ports"].line, f"{name}: ports is no list.")
        return
    about = _about(name, said)
    for item in ports or ():
        try:
            _publish(found, host, item, about)
        except UnresolvedError as exc:
            found.remark(item.line, f"{name}: {clean(str(exc), 60)} has no default.")
        except (_UnclearError, ValueError) as exc:
            found.remark(item.line, f"{name}: {exc}.")


def _publish(found: Draft, host: str, item: Node, about: dict) -> None:
    ip, published, target, protocol = _long(item) if isinstance(item.value, dict) else _short(item)
    if protocol not in PROTOCOLS:
        raise _UnclearError(f"{clean(protocol, 20)} is no protocol that is looked at")
    inside = ranges.ports(target)
    if not published:
        raise _UnclearError(f"docker chooses the port for {target} when it starts")
    outside = ranges.ports(published)
    if len(outside) > WIDEST:
        raise _UnclearError(f"{published} are {len(outside)} ports, {WIDEST} at most are read")
    if len(inside) != len(outside):
        raise _UnclearError(f"docker chooses one of {published} for {target} when it starts")
    for port, within in zip(outside, inside, strict=True):
        lines = [f"Container port {within}.", about["description"]]
        said = about | {"description": "\n\n".join(filter(None, lines))}
        scope = ranges.scope(ip)
        found.add(item.line, (host, protocol, port), expected_scope=scope, **said)


def _short(item: Node) -> Published:
    """
    Read `[[ip:][published]:]target[/protocol]`.

    >>> _short(Node(1, "127.0.0.1:8000-8001:80-81/udp"))
    Published(host_ip='127.0.0.1', published='8000-8001', target='80-81', protocol='udp')
    >>> _short(Node(1, "[::1]::80"))
    Published(host_ip='[::1]', published='', target='80', protocol='tcp')
    """
    if not isinstance(item.value, str):
        raise _UnclearError("what is no text and no mapping publishes nothing")
    ports, slash, protocol = resolve(item.value).partition("/")
    rest, _colon, target = ports.rpartition(":")
    host_ip, _colon, published = rest.rpartition(":")
    return Published(host_ip, published, target, protocol.lower() if slash else "tcp")


def _long(item: Node) -> Published:
    said = {name: _text(node) for name, node in item.value.items()}
    return Published(
        resolve(said.get("host_ip", "")),
        resolve(said.get("published", "")),
        resolve(said.get("target", "")),
        resolve(said.get("protocol") or "tcp").lower(),
    )


def _about(name: str, said: dict[str, Node]) -> dict:
    """Return what a service says of itself, by its image and its labels."""
    labels = _labels(said.get("labels"))
    image = _resolved(_text(said.get("image")))
    program = known.of_image(image)
    lines = [_first(labels, DESCRIPTIONS), *filter(None, (labels.get(url, "") for url in URLS))]
    of_image = f", image {clean(image, 200)}" if image else ""
    lines.append(f"Service {name} of docker compose{of_image}.")
    return {
        "title": clean(_first(labels, TITLES) or name, 200),
        "description": "\n\n".join(clean(line, 1000) for line in lines if line),
        "owner": clean(_first(labels, OWNERS), 100),
        "service_type": known.service_type(program),
        "tags": words([program, *labels.get(TAGS, "").replace(",", " ").split()]),
    }


def _labels(node: Node | None) -> dict[str, str]:
    """Return those labels that are understood, of a mapping or a list of `name=value`."""
    if node is None or not isinstance(node.value, dict | list):
        return {}
    if isinstance(node.value, dict):
        pairs = [(name, _text(node.value[name])) for name in LABELS if name in node.value]
    else:
        pairs = [_text(each).partition("=")[::2] for each in node.value[:MOST_LABELS]]
    return {name: _resolved(text) for name, text in pairs if name in LABELS}


def _first(labels: dict[str, str], names: tuple[str, ...]) -> str:
    return next(filter(None, (labels.get(name, "") for name in names)), "")


def _resolved(text: str) -> str:
    """Return a text, or nothing if the environment knows more of it."""
    try:
        return resolve(text)
    except UnresolvedError:
        return ""


def _text(node: Node | None) -> str:
    return node.value if node is not None and isinstance(node.value, str) else ""
