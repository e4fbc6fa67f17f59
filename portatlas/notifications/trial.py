"""A rule or a channel is tried: a message goes out at once, and what came of it is told."""

import uuid
from collections.abc import Callable, Iterable
from datetime import datetime

from portatlas.notifications import delivery, wording
from portatlas.notifications.delivery import Terms
from portatlas.notifications.messages import RAISED, TEST, Message, clean, compose
from portatlas.notifications.models import Channel, Delivery, Rule
from portatlas.notifications.preview import Found, example, preview

EXAMPLE = "This is a test. The rule has nothing to tell now: what follows is an example."


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
    told = rule and _message(rule, at, site)
    made = []
    for channel in channels:
        message = told or of_channel(channel, site)
        made.append(
            Delivery(
                rule=rule,
                channel=channel,
                rule_name=rule.name if rule else "",
                channel_name=channel.name,
                subject=message.subject,
                body=message.text,
                document=message.document | {"created_at": wording.iso(at)},
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


def _message(rule: Rule, at: datetime, site: str) -> Message:
    found = preview(rule, at, site)
    if found.total:
        return of_rule(rule, found, site, is_example=False)
    return of_rule(rule, example(rule, at, site), site, is_example=True)


def of_channel(channel: Channel, site: str) -> Message:
    """Write the message by which a channel alone is tried."""
    told = {"id": None, "name": "none", "kind": ""}
    return compose(TEST, told, f"A test of {clean(channel.name)}", [], total=0, url=site)


def of_rule(rule: Rule, found: Found, site: str, *, is_example: bool) -> Message:
    """Write the message by which a rule is tried: what it would tell now, or of an example."""
    if found.total:
        what = f"Test: {wording.summed(rule, RAISED, found.total, found.of_ports)}"
        remark = EXAMPLE if is_example else "This is a test. The rule would tell this now."
    else:
        what, remark = f"A test of {clean(rule.name)}", "Nothing was seen yet that it may be about."
    told = wording.rule_told(rule)
    if site:
        told["url"] = f"{site}/admin/notifications/rule/{rule.pk}/change/"
    else:
        remark += " Messages have links once PORTATLAS_URL is set."
    url = wording.board(rule, site)
    return compose(TEST, told, what, found.items, total=found.total, url=url, remark=remark)
