"""Notes from a Caddyfile: where Caddy listens, and what it passes on to on the same machine."""

import re
from collections.abc import Iterator
from typing import NamedTuple

from notes.exchange.document import Document
from notes.exchange.drafts import caddy_syntax, ranges
from notes.exchange.drafts.caddy_syntax import Statement
from notes.exchange.drafts.draft import WIDEST, Draft, clean
from notes.exchange.faults import BadFileError

ADDRESS = re.compile(
    r"(?:(?P<scheme>https?)://)?(?P<host>\[[^\]]*\]|[^:/\[\]{}]*)(?::(?P<port>[0-9]{1,5}))?(?:/.*)?",
    re.ASCII,
)
UPSTREAM = re.compile(
    r"(?:(?P<scheme>https?|h2c)://)?(?P<host>\[[^\]]*\]|[^:/\[\]{}]*)"
    r"(?::(?P<port>[0-9]{1,5}(?:-[0-9]{1,5})?))?/?",
    re.ASCII,
)
PROXIES = {"reverse_proxy", "php_fastcgi", "forward_auth"}
ADMIN = "localhost:2019"
MOST_NAMES = 20  # sites that a description lists


class Globally(NamedTuple):
    """What the block of options at the top says of ports; what Caddy does without it."""

    http_port: int = 80
    https_port: int = 443
    redirects: bool = True
    has_http3: bool = True
    bind: str = ""
    admin: str = ADMIN


class Listening(NamedTuple):
    """A port on which Caddy serves, and for what."""

    protocol: str
    port: int
    what: str


class Found(NamedTuple):
    """What is known of a port of Caddy's so far."""

    line: int
    names: dict[str, None]  # of its sites, in their order
    scopes: set[str]
    types: set[str]
    what: str


def draft(text: str, host: str | None) -> Document:
    """
    Return notes about the ports of a Caddyfile. Its environment is known by its defaults alone.

    Raises BadFileError.
    """
    statements = caddy_syntax.parse(caddy_syntax.resolve(text))
    options = Globally()
    notes = Draft()
    if statements and not statements[0].words:
        options = _globally(statements.pop(0), notes)
    sites = _sites(statements)
    for line, words, _block in statements:
        if words[:1] == ["import"]:
            notes.remark(line, "import is not followed.")
    if not sites:
        raise BadFileError.at(1, "This is no Caddyfile: it names no site.")
    if not host:
        raise BadFileError.at(0, "A Caddyfile doesn't say on which host it is: name it.")
    ports: dict[tuple[str, int], Found] = {}
    for site in sites:
        _serve(site, options, ports, notes)
    for (protocol, port), found in ports.items():
        _note(notes, (host, protocol, port), found)
    for site in sites:
        _upstreams(site, host, notes)
    _admin(options, host, notes)
    return notes.document()


def _globally(options: Statement, notes: Draft) -> Globally:
    said = Globally()
    for line, words, block in options.block or ():
        name, values = words[0] if words else "", words[1:]
        value = values[0] if values else ""
        if name in {"http_port", "https_port"}:
            try:
                said = said._replace(**{name: ranges.ports(value)[0]})
            except ValueError as exc:
                notes.remark(line, f"{name}: {exc}.")
        elif name == "auto_https":
            said = said._replace(
                redirects="off" not in values and "disable_redirects" not in values
            )
        elif name == "default_bind":
            said = said._replace(bind=value)
        elif name == "admin":
            said = said._replace(admin=value or ADMIN)
        elif name == "servers":
            protocols = [each.words for each in block or () if each.words[:1] == ["protocols"]]
            said = said._replace(has_http3=all("h3" in each for each in protocols))
    return said


def _sites(statements: list[Statement]) -> list[Statement]:
    """Return the blocks of sites; a single one may do without braces."""
    named = [
        each for each in statements if each.words and not each.words[0].startswith(("(", "&("))
    ]
    if named and named[0].block is None and named[0].words[0] != "import":
        first, *rest = named
        return [first._replace(block=rest)]
    return [each for each in named if each.block is not None]


def _names(site: Statement) -> list[str]:
    return [name for word in site.words for name in word.split(",") if name]


def _serve(
    site: Statement, options: Globally, ports: dict[tuple[str, int], Found], notes: Draft
) -> None:
    """Note where a site is served, beside the others that are."""
    directives = list(_walk(site))
    binds = [word for each in directives if each.words[:1] == ["bind"] for word in each.words[1:]]
    scopes = {ranges.scope(each) for each in binds or [options.bind]}
    has_tls = any(each.words[:1] == ["tls"] for each in directives)
    is_proxy = any(each.words[:1] == ["reverse_proxy"] for each in directives)
    for name in _names(site):
        found = ADDRESS.fullmatch(name)
        if not found or (found["port"] and not 1 <= int(found["port"]) <= 65535):
            notes.remark(site.line, f"{clean(name, 60)} is no address that can be read.")
            continue
        for protocol, port, what in _listening(found, options, has_tls=has_tls):
            first = Found(site.line, {}, set(), set(), what)
            at = ports.setdefault((protocol, port), first)
            at.names[clean(found["host"] or name, 100)] = None
            at.scopes.update(scopes)
            at.types.add("proxy" if is_proxy else "web")


def _listening(found: re.Match, options: Globally, *, has_tls: bool) -> Iterator[Listening]:
    """Yield the ports that Caddy opens for an address."""
    port = int(found["port"] or 0)
    bare = not found["host"] and found["scheme"] is None
    is_plain = found["scheme"] == "http" or (
        found["scheme"] is None and port and port == options.http_port
    )
    if is_plain or (bare and port != options.https_port and not has_tls):
        yield Listening("tcp", port or options.http_port, "HTTP")
        return
    yield Listening("tcp", port or options.https_port, "HTTPS")
    if options.has_http3:
        yield Listening("udp", port or options.https_port, "HTTP/3")
    if options.redirects and found["host"]:
        yield Listening("tcp", options.http_port, "HTTP, which leads to HTTPS")


def _note(notes: Draft, key: tuple[str, str, int], found: Found) -> None:
    names = [*found.names]
    more = f" and {len(names) - MOST_NAMES} more" if len(names) > MOST_NAMES else ""
    notes.add(
        found.line,
        key,
        title=f"Caddy ({found.what})",
        description=f"Caddy serves {', '.join(names[:MOST_NAMES])}{more}.",
        service_type="proxy" if "proxy" in found.types else "web",
        tags=["caddy"],
        expected_scope=next(iter(found.scopes)) if len(found.scopes) == 1 else "",
    )


def _upstreams(site: Statement, host: str, notes: Draft) -> None:
    """Note what a site is passed on to, where that is on the same machine."""
    name = clean(site.words[0].rstrip(","), 100)
    for line, words, block in _walk(site):
        if words[:1] == ["import"]:
            notes.remark(line, f"{name}: import is not followed.")
        if not words or words[0] not in PROXIES:
            continue
        to = words[1:]
        for each in block or ():
            if each.words[:1] == ["to"]:
                to += each.words[1:]
            elif each.words[:1] == ["dynamic"]:
                notes.remark(each.line, f"{name}: where it is passed on to changes.")
        for upstream in to:
            if not upstream.startswith(("/", "@")) and upstream != "*":
                _upstream(notes, line, host, name, upstream)


def _upstream(notes: Draft, line: int, host: str, site: str, upstream: str) -> None:
    found = UPSTREAM.fullmatch(upstream)
    if upstream.startswith("unix/"):
        return
    if not found:
        notes.remark(line, f"{site}: {clean(upstream, 60)} is no address that can be read.")
    elif found["host"] and ranges.scope(found["host"]) != "loopback":
        notes.remark(line, f"{site}: {clean(upstream, 60)} is another machine's, or a container's.")
    else:
        try:
            ports = ranges.ports(found["port"] or ("443" if found["scheme"] == "https" else "80"))
        except ValueError as exc:
            notes.remark(line, f"{site}: {clean(upstream, 60)}: {exc}.")
            return
        if len(ports) > WIDEST:
            what = f"{clean(upstream, 60)} are {len(ports)} ports"
            notes.remark(line, f"{site}: {what}, of which the first {WIDEST} are read.")
        for port in ports[:WIDEST]:
            about = f"Caddy passes {site} on to it."
            notes.add(line, (host, "tcp", port), title=site, description=about)


def _admin(options: Globally, host: str, notes: Draft) -> None:
    found = UPSTREAM.fullmatch(options.admin)
    if found is None or not found["port"]:
        return  # it is off, or a socket in a file
    try:
        [port] = ranges.ports(found["port"])
    except ValueError:
        notes.remark(1, f"{clean(options.admin, 60)} is no address of an API: it is left out.")
        return
    notes.add(
        1,
        (host, "tcp", port),
        title="Caddy (its own API)",
        service_type="api",
        tags=["caddy"],
        expected_scope=ranges.scope(found["host"]),
    )


def _walk(site: Statement) -> Iterator[Statement]:
    """Yield the statements of a site, those in its blocks too."""
    rest = [*reversed(site.block or ())]
    while rest:
        statement = rest.pop()
        yield statement
        rest += reversed(statement.block or ())
