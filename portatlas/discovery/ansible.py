"""Hosts and their ports, in the JSON of an Ansible inventory script."""

import re
from collections import defaultdict
from collections.abc import Iterable

from drf_spectacular.utils import OpenApiExample, OpenApiTypes, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from notes.models import PortNote
from portatlas.api.conditional import conditional
from portatlas.discovery.facts import facts
from portatlas.discovery.group_names import group_names
from portatlas.discovery.listing import Listing
from portatlas.models import Port

UNKNOWN = PortNote.ServiceType.UNKNOWN
OF_ANSIBLE = {"all", "ungrouped"}  # groups that every inventory has
OPENS_A_TEMPLATE = re.compile(r"\{(?=[{%#])")


def inventory(ports: Iterable[Port]) -> dict:
    """
    Return the hosts of some ports, grouped by what the notes say of these.

    Groups are `type_web`, `tag_prod`, `owner_alice`; of the ports themselves the variable
    `portatlas_ports` of their host tells. A host that is called as a group is left out, for
    Ansible would take one for the other.
    """
    of_host: dict[str, list[dict]] = defaultdict(list)
    groups: dict[str, dict[str, set[str]]] = {"type_": {}, "tag_": {}, "owner_": {}}
    for port in ports:
        told = facts(port)
        of_host[port.host_id].append(harmless(told))
        for prefix, words in _words(told):
            for word in words:
                groups[prefix].setdefault(word, set()).add(port.host_id)
    named = {
        name: hosts[word]
        for prefix, hosts in groups.items()
        for word, name in group_names(prefix, hosts).items()
    }
    shown = of_host.keys() - named.keys() - OF_ANSIBLE
    return {
        "_meta": {"hostvars": {host: {"portatlas_ports": of_host[host]} for host in sorted(shown)}},
        "all": {"hosts": sorted(shown)},
        **{name: {"hosts": sorted(hosts & shown)} for name, hosts in named.items()},
    }


def _words(told: dict) -> tuple[tuple[str, list[str]], ...]:
    """Return by which words of its note a port's host is grouped."""
    kind = [told["service_type"]] if told["service_type"] not in {"", UNKNOWN} else []
    owner = [told["owner"]] if told["owner"] else []
    return ("type_", kind), ("tag_", told["tags"]), ("owner_", owner)


def harmless(value):
    """
    Take away from texts what would make templates of them.

    Ansible trusts what an inventory script prints and evaluates it as a template where it is
    used, with `lookup('pipe', …)` and all; but who names a process is no administrator.

    >>> harmless({"process": "{{ lookup('pipe', 'id') }}", "tags": ["{%"], "port": 1})
    {'process': "{ { lookup('pipe', 'id') }}", 'tags': ['{ %'], 'port': 1}
    """
    if isinstance(value, dict):
        return {name: harmless(each) for name, each in value.items()}
    if isinstance(value, list):
        return [harmless(each) for each in value]
    return OPENS_A_TEMPLATE.sub("{ ", value) if isinstance(value, str) else value


EXAMPLE = {
    "_meta": {"hostvars": {"atlas": {"portatlas_ports": [{"port": 443, "title": "Shop"}]}}},
    "all": {"hosts": ["atlas"]},
    "tag_prod": {"hosts": ["atlas"]},
    "type_web": {"hosts": ["atlas"]},
}


class Inventory(Listing):
    """An inventory for Ansible."""

    @extend_schema(
        operation_id="discovery_ansible",
        summary="Hosts as an inventory for Ansible",
        description=(
            "The JSON that a dynamic inventory script prints for `--list`: every host with a "
            "port that fits, in groups by type, tag and owner. Without filters every port "
            "counts that listens."
        ),
        responses={200: OpenApiTypes.OBJECT},
        examples=[OpenApiExample("An inventory", EXAMPLE, response_only=True)],
        filters=True,
    )
    @conditional
    def get(self, request: Request) -> Response:
        return Response(inventory(self.ports()))
