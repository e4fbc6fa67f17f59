"""A rule or a channel is tried: a message goes out at once, and what came of it is told."""

import uuid
from collections.abc import Callable, Iterable
from datetime import datetime

from portatlas.notifications import conditions, delivery, wording
from portatlas.notifications.delivery import Terms
from portatlas.notifications.messages import Item
from portatlas.notifications.models import Channel, Delivery, Matter, Rule
from portatlas.notifications.telling import NAMED


def attempt(
    rule: Rule | None,
    channels: Iterable[Channel],
    *,
    clock: Callable[[], datetime],
    terms: Terms,
    site: str,
) -> list[Delivery]:
    """Send a test through each of the channels, once, and return what came of it."""
    at = clock()
    made = []
    for channel in channels:
        message = wording.trial(rule, channel, site)
        made.append(
            Delivery(
                rule=rule,
                channel=channel,
                rule_name=rule.name if rule else "",
                channel_name=channel.name,
                subject=message.subject,
                body=message.text,
                document=message.document,
                is_test=True,
                # Claimed from the beginning, so that no worker takes it.
                status=Delivery.Status.CLAIMED,
                claim=uuid.uuid4(),
                attempts=1,
                created_at=at,
                ready_at=at + delivery.LEASE,
            )
        )
    Delivery.objects.bulk_create(made)
    return sorted(delivery.send(made, clock, terms), key=lambda each: each.channel_name)


def preview(rule: Rule, at: datetime) -> tuple[int, list[Item]]:
    """
    Return to how much a rule about states would have something to say now, and the first of it.

    Of a rule about events it is what it has opened and not told yet.
    """
    if rule.is_about_events or rule.kind == Rule.Kind.SILENT:
        waiting = Matter.objects.filter(rule=rule, status=Matter.Status.WAITING)
        first = list(waiting.order_by("port__port", "host")[:NAMED])
        return waiting.count(), wording.items(rule, first, "")
    ports = conditions.fitting(rule, at)
    first = ports.select_related("note").order_by("port", "protocol", "host")[:NAMED]
    return ports.count(), [wording.of_port(rule, port, "") for port in first]
