"""What a rule would tell now, and of what it may tell some day."""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from django.db.models import Count

from collector.models import Host
from portatlas.notifications import conditions, wording
from portatlas.notifications.messages import Item
from portatlas.notifications.models import Matter, Rule
from portatlas.notifications.telling import NAMED


class Found(NamedTuple):
    """What a rule has to tell: how much, how much of that about ports, and the first of it."""

    total: int
    of_ports: int
    items: Sequence[Item]


def preview(rule: Rule, at: datetime, site: str = "") -> Found:
    """
    Return what a rule about states would have to say now.

    Of a rule about events it is what it has opened and not told yet.
    """
    if rule.is_about_events or rule.kind == Rule.Kind.SILENT:
        waiting = Matter.objects.filter(rule=rule, status=Matter.Status.WAITING)
        first = list(waiting.order_by("port__port", "host")[:NAMED])
        counts = waiting.aggregate(total=Count("pk"), of_ports=Count("port"))
        return Found(**counts, items=wording.items(rule, first, site))
    ports = conditions.fitting(rule, at)
    first = ports.select_related("note").order_by("port", "protocol", "host")[:NAMED]
    total = ports.count()
    return Found(total, total, [wording.of_port(rule, port, site) for port in first])


def example(rule: Rule, at: datetime, site: str) -> Found:
    """Return the first port, or host, that a rule may be about some day."""
    if rule.kind == Rule.Kind.SILENT:
        hosts = Host.objects.filter(pk=rule.host_id) if rule.host_id else Host.objects.all()
        first = hosts.order_by("host_id")[:1]
        matters = [Matter(host_id=host.pk, since=host.last_look_at) for host in first]
        return Found(len(matters), 0, wording.items(rule, matters, site))
    # What is missing is told otherwise than what listens.
    order = "-current_state" if rule.kind == Rule.Kind.GHOST else "current_state"
    matters = [
        Matter(
            host_id=port.host_id,
            port_id=port.pk,
            since=at,
            before="another program",
            after=port.process_name,
        )
        for port in conditions.narrowed(rule).order_by(order, "port", "protocol", "host_id")[:1]
    ]
    return Found(len(matters), len(matters), wording.items(rule, matters, site))
