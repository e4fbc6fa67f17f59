"""What is due is told: as one message of a rule, queued once for each of its channels."""

from datetime import datetime, timedelta

from django.db.models import Count, Min, QuerySet

from portatlas.notifications import storms, wording
from portatlas.notifications.messages import RAISED, RECOVERED
from portatlas.notifications.models import Delivery, Matter, Rule

NAMED = 10  # in one message

Status = Matter.Status


def tell(rule: Rule, at: datetime, site: str) -> int:
    """
    Queue what is due and return how many deliveries that are.

    The rule's row is held, and remains to be saved.
    """
    if rule.is_quiet(at):
        return 0
    due = Matter.objects.filter(
        rule=rule, status__in=[Status.WAITING, Status.OVER], ready_at__lte=at
    )
    sums = due.values_list("status").annotate(Count("pk"), Count("port"), Min("ready_at"))
    found = {status: counts for status, *counts in sums}
    if not found or not storms.is_time(
        at,
        oldest=min(oldest for *_counts, oldest in found.values()),
        digest=timedelta(minutes=rule.digest),
        hushed_until=rule.hushed_until,
    ):
        return 0
    channels = list(rule.channels.filter(is_enabled=True))
    if not channels:
        return 0  # it waits for one
    queued: list[Delivery] = []
    for status, event in ((Status.WAITING, RAISED), (Status.OVER, RECOVERED)):
        if status in found:
            matters = due.filter(status=status)
            queued += _write(rule, matters, event, found[status], channels, at, site)
    Delivery.objects.bulk_create(queued)
    over = due.filter(status=Status.OVER)
    if rule.is_about_events:
        over.update(status=Status.QUIET, ready_at=at)
    else:
        over.delete()
    due.filter(status=Status.WAITING).update(status=Status.TOLD, ready_at=at)
    rule.told_at = at
    total = sum(n for n, *_rest in found.values())
    rule.hushed_until = storms.hush(at, total=total, named=NAMED)
    return len(queued)


def _write(  # noqa: PLR0913  # all that a message is made of
    rule: Rule, matters: QuerySet[Matter], event: str, sums, channels, at: datetime, site: str
) -> list[Delivery]:
    total, of_ports, _oldest = sums
    first = list(matters.order_by("port__port", "port__protocol", "host")[:NAMED])
    message = wording.message(rule, event, first, total=total, of_ports=of_ports, site=site)
    return [
        Delivery(
            rule=rule,
            channel=channel,
            rule_name=rule.name,
            channel_name=channel.name,
            subject=message.subject,
            body=message.text,
            document=message.document | {"created_at": wording.iso(at)},
            created_at=at,
            ready_at=at,
        )
        for channel in channels
    ]
