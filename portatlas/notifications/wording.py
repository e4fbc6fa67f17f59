"""Which ports and hosts a message names, and what is said of each. A few queries for any number."""

from collections.abc import Sequence
from datetime import UTC, datetime
from urllib.parse import quote

from django.db.models import Count

from portatlas.models import Port
from portatlas.notifications.messages import (
    RAISED,
    RECOVERED,
    Item,
    Message,
    clean,
    compose,
    count,
)
from portatlas.notifications.models import Matter, Rule

Kind = Rule.Kind

NEWS = {  # one, many
    Kind.NEW_PORT: ("new port", "new ports"),
    Kind.UNNOTED: ("unnoted port", "unnoted ports"),
    Kind.SUSPICIOUS: ("suspicious port", "suspicious ports"),
    Kind.GHOST: ("missing port", "missing ports"),
    Kind.FLAPPING: ("flapping port", "flapping ports"),
    Kind.OWNER_CHANGED: ("port with another owner", "ports with another owner"),
    Kind.SILENT: ("silent collector", "silent collectors"),
}
RECOVERIES = {
    Kind.NEW_PORT: ("new port gone again", "new ports gone again"),
    Kind.UNNOTED: ("port no longer unnoted", "ports no longer unnoted"),
    Kind.SUSPICIOUS: ("port no longer suspicious", "ports no longer suspicious"),
    Kind.GHOST: ("missing port back", "missing ports back"),
    Kind.FLAPPING: ("port calm again", "ports calm again"),
    Kind.OWNER_CHANGED: (
        "port with another owner gone again",
        "ports with another owner gone again",
    ),
    Kind.SILENT: ("collector heard again", "collectors heard again"),
}
BOARDS = {
    Kind.UNNOTED: "/?state=unnoted",
    Kind.SUSPICIOUS: "/?state=suspicious",
    Kind.GHOST: "/?state=ghost",
    Kind.FLAPPING: "/?state=flapping",
    Kind.SILENT: "/hosts/",
}


def message(  # noqa: PLR0913  # what is told of it, and how much there is
    rule: Rule,
    event: str,
    matters: Sequence[Matter],
    *,
    total: int,
    of_ports: int,
    site: str,
) -> Message:
    """Write a message about `total` matters, so many of them of ports, that names these."""
    what = summed(rule, event, total, of_ports)
    told = rule_told(rule)
    first = items(rule, matters, site)
    return compose(event, told, what, first, total=total, url=board(rule, site))


def board(rule: Rule, site: str) -> str:
    """Return where there is more about what a rule tells."""
    return f"{site}{BOARDS.get(Kind(rule.kind), '/changes/')}" if site else ""


def of_port(rule: Rule, port: Port, site: str, matter: Matter | None = None) -> Item:
    """Say what a message says of a port. It has its note, and its severity if it has a state."""
    holder = clean(port.compose_service or port.container_name or port.process_name)
    title = clean(port.note.title) if port.note else ""
    said = [f'"{title}"'] if title else []
    if rule.kind == Kind.OWNER_CHANGED and matter:
        said.append(f"{clean(matter.before) or 'nobody'} → {clean(matter.after) or 'nobody'}")
    elif port.is_active:
        said += [holder or "no process to be seen", f"open to {port.reach}"]
    else:
        said.append(f"gone, held by {holder} before" if holder else "gone")
    facts = {
        "host": port.host_id,
        "protocol": port.protocol,
        "port": port.port,
        "is_active": port.is_active,
        "title": title,
        "owner": clean(port.note.owner) if port.note else "",
        "held_by": holder,
        "reach": port.scope,
        "since": matter and iso(matter.since),
    }
    return Item(str(port), ", ".join(said), _page(site, port), facts)


def rule_told(rule: Rule) -> dict:
    """Return what a document says of a rule."""
    return {"id": rule.pk, "name": clean(rule.name), "kind": rule.kind}


def summed(rule: Rule, event: str, total: int, of_ports: int) -> str:
    """Say about how much there is something to say, so much of it ports."""
    words = {RAISED: NEWS, RECOVERED: RECOVERIES}[event][Kind(rule.kind)]
    if rule.kind != Kind.NEW_PORT or of_ports == total:
        return count(total, *words)
    hosts = count(total - of_ports, "new host", "new hosts")
    return f"{count(of_ports, *words)}, {hosts}" if of_ports else hosts


def items(rule: Rule, matters: Sequence[Matter], site: str) -> list[Item]:
    pks = [each.port_id for each in matters if each.port_id]
    ports = Port.objects.filter(pk__in=pks).select_related("note").in_bulk() if pks else {}
    hosts = {each.host_id for each in matters if each.port_id is None}
    listening = _listening(hosts) if hosts and rule.kind == Kind.NEW_PORT else {}
    return [
        of_port(rule, ports[each.port_id], site, each)
        if each.port_id
        else _of_host(each, site, listening.get(each.host_id))
        for each in matters
    ]


def _listening(hosts: set[str]) -> dict[str, int]:
    ports = Port.objects.filter(host__in=hosts, current_state="active").without_clients()
    return dict(ports.order_by().values_list("host").annotate(n=Count("pk")))


def _of_host(matter: Matter, site: str, listening: int | None) -> Item:
    said = f"nothing was seen since {matter.since:%F %T} UTC"
    if listening is not None:
        said = f"{count(listening, 'port', 'ports')} listening at the first look"
    facts = {"host": matter.host_id, "since": iso(matter.since)}
    return Item(matter.host_id, said, f"{site}/hosts/{matter.host_id}/" if site else "", facts)


def iso(moment: datetime) -> str:
    """Write a time as the API does."""
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


def _page(site: str, port: Port) -> str:
    # Not by reverse(), which would make the worker load every page of the project.
    key = f"{quote(port.host_id, safe=':')}/{port.protocol}/{port.port}"
    return f"{site}/ports/{key}/" if site else ""
