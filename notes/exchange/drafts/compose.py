"""Notes from a compose file of docker: the ports that its services publish on the host."""

from notes.exchange.document import Document
from notes.exchange.drafts import known, publishing, ranges
from notes.exchange.drafts.draft import Draft, clean, words
from notes.exchange.drafts.publishing import Published, Remark, Service, resolved, text_of
from notes.exchange.faults import BadFileError
from notes.exchange.node import Node

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


def draft(text: str, host: str | None) -> Document:
    """
    Return notes about what the services of a compose file publish.

    Variables are resolved by their defaults alone. Raises BadFileError.
    """
    project = publishing.read(text)
    if not host:
        raise BadFileError.at(0, "A compose file doesn't say on which host it runs: name it.")
    found = Draft()
    for part in project.parts:
        about: dict = {}
        for each in publishing.published(part):
            if isinstance(each, Remark):
                found.remark(*each)
            else:
                about = about or _about(part)
                _add(found, host, each, about)
    return found.document()


def _add(found: Draft, host: str, each: Published, about: dict) -> None:
    lines = [f"Container port {each.target}.", about["description"]]
    said = about | {"description": "\n\n".join(filter(None, lines))}
    key = (host, each.protocol, each.port)
    found.add(each.line, key, expected_scope=ranges.scope(each.host_ip), **said)


def _about(service: Service) -> dict:
    """Return what a service says of itself, by its image and its labels."""
    name, _line, said = service
    labels = _labels(said.get("labels"))
    image = resolved(text_of(said.get("image")))
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
        pairs = [(name, text_of(node.value[name])) for name in LABELS if name in node.value]
    else:
        pairs = [text_of(each).partition("=")[::2] for each in node.value[:MOST_LABELS]]
    return {name: resolved(text) for name, text in pairs if name in LABELS}


def _first(labels: dict[str, str], names: tuple[str, ...]) -> str:
    return next(filter(None, (labels.get(name, "") for name in names)), "")
