"""How a form names a port: host/protocol/number@version, the version of the note that was read."""

import re

from django.http import Http404

from collector.sweep import HOST_ID
from notes import services
from notes.models import EVERY_HOST
from portatlas.models import KEY, Port

NAMED = re.compile(
    rf"(?P<host>{HOST_ID}|\*)/(?P<protocol>tcp|udp)/(?P<port>[0-9]{{1,5}})"
    r"(?:@(?P<seen>[0-9]{1,9}))?"
)


def parse(text: str, *, or_every_host: bool = False) -> tuple[services.Key, int] | None:
    """Read host/protocol/port@version; None if it is none, or is not about one host."""
    found = NAMED.fullmatch(text)
    if not found or not 1 <= int(found["port"]) <= 65535:
        return None
    if found["host"] == EVERY_HOST and not or_every_host:
        return None
    return (found["host"], found["protocol"], int(found["port"])), int(found["seen"] or 0)


def text(key: services.Key, seen: int) -> str:
    """Write what parse() reads."""
    host_id, protocol, port = key
    return f"{host_id}/{protocol}/{port}@{seen}"


def key(host_id: str, protocol: str, number: str) -> services.Key:
    if not 1 <= int(number) <= 65535:
        raise Http404(f"There is no port {number}: a port is a number from 1 to 65535.")
    return host_id, protocol, int(number)


def known(keys) -> list[services.Key]:
    """Keep the ports that were ever seen."""
    keys = list(keys)[: services.MOST]
    hosts, ports = {key[0] for key in keys}, {key[2] for key in keys}
    seen = set(Port.objects.filter(host_id__in=hosts, port__in=ports).values_list(*KEY))
    return [key for key in keys if key in seen]
