"""
Where to open a port in a browser, if it seems to speak HTTP. No queries.

A wrong link is worse than none: it leads to another machine's port, or hands the cookie of this
site to a program that nobody knows, because browsers keep cookies apart by host, not by port.
"""

import re
from ipaddress import ip_address

from collector.sweep import Role
from portatlas import programs
from portatlas.models import Port
from portatlas.states import PortState

NAME = re.compile(r"[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*").fullmatch
NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*").fullmatch  # a browser takes 127.1 for an address

HTTP_NUMBERS = {80, 443, 3000, 8000, 8008, 8080, 8081, 8443, 8888}
HTTP_TYPES = {"web", "api"}
OTHER_TYPES = {"db", "cache", "queue", "tunnel", "remote", "dns", "mail"}
CONSOLES = {"alertmanager", "grafana", "grafana-server", "kibana", "netdata", "node", "portainer"}
CONSOLES |= {"prometheus", "traefik"}
NOT_HTTP = {"php-fpm"}  # a program of the web that speaks FastCGI
VOUCHED = {"trusted", "expected"}


def address(port: Port, *, here: str = "", site: str = "") -> str:
    """
    Return the address at which a browser can open a port of for_board(), "" if none is sure.

    `here` is the host on which the browser runs, "" if that is another machine; `site` is the
    name by which it calls this site. A link to the same name is given only if people vouch
    for the port.
    """
    is_up = port.is_active and not port.is_awaited
    if port.protocol != "tcp" or not is_up or port.state == PortState.SUSPICIOUS:
        return ""
    host = _host(port, here, site.lower())
    if not host or not speaks_http(port):
        return ""
    return f"{_scheme(port)}://{host}:{port.port}/"


def speaks_http(port: Port) -> bool:
    """Whether the note says so, else the program, else the number that nothing contradicts."""
    noted = port.note.service_type if port.note else "unknown"
    if noted in HTTP_TYPES or noted in OTHER_TYPES:
        return noted in HTTP_TYPES
    if port.role in {Role.SOCKET_UNIT, Role.TUNNEL}:
        return False
    usual = programs.find(port.well_known)
    if usual and usual.service_type in OTHER_TYPES:
        return False
    for name in (_image(port.image), port.process_name):
        plain = programs.without_version(name)
        program = programs.find(name)
        if plain in NOT_HTTP or (program and program.service_type in OTHER_TYPES):
            return False
        if plain in CONSOLES or (program and program.service_type in HTTP_TYPES):
            return True
    return port.port in HTTP_NUMBERS or "http" in port.well_known


def _scheme(port: Port) -> str:
    return "https" if str(port.port).endswith("443") or "https" in port.well_known else "http"


def _image(image: str) -> str:
    """
    Return the last part of an image's name.

    >>> _image("docker.io/library/nginx:1.27@sha256:0a")
    'nginx'
    """
    return image.partition("@")[0].rpartition("/")[2].partition(":")[0]


def _host(port: Port, here: str, site: str) -> str:
    """Return the name by which the browser reaches the port, as an address has it."""
    if here == port.host_id:
        names = _own_names(port)
        if names:
            return next((name for name in names if name.strip("[]") != site), "")
    if port.scope not in {"private", "any"}:
        return ""
    host = _name(port.host_id.lower())
    is_vouched_for = port.note is not None and port.note.risk_level in VOUCHED
    return host if host != site or is_vouched_for else ""


def _own_names(port: Port) -> list[str]:
    """Return by which names a machine reaches its own port, the most usual first."""
    names = []
    for end in port.ends:
        match end.address:
            case "0.0.0.0" | "127.0.0.1" | "*":  # noqa: S104  # what ss prints
                names += ["localhost", "127.0.0.1"]
            case "::" | "::1":
                names += ["localhost", "[::1]"]
            case other if other.startswith("127."):
                names.append(other)
    return names


def _name(host_id: str) -> str:
    """Return a host's name if it can stand in an address and means that host to everybody."""
    try:
        parsed = ip_address(host_id)
    except ValueError:
        last = host_id.rpartition(".")[2]
        is_a_name = NAME(host_id) and not NUMBER(last) and "localhost" not in {host_id, last}
        return host_id if is_a_name and not host_id.startswith("localhost.") else ""
    if parsed.is_loopback or parsed.is_unspecified or parsed.is_link_local:
        return ""
    return f"[{parsed}]" if parsed.version == 6 else str(parsed)
