"""Which hosts were not watched at a moment: of them a comparison with then tells less."""

from collections import defaultdict
from datetime import datetime

from django.db.models import Exists, OuterRef

from collector.models import Coverage, Host
from collector.timekeeping import ours, patience

NAMES = 10  # of hosts in one sentence

LATER = "{} first looked at later than that. What is told of {} is since then."
SILENT = "{} not been looked at since before that. What changed there is unknown."
GAP = "{} not watched at that moment. What changed in the gap is told as of the look that ended it."
NEVER = "{} never been looked at completely. What changes there is unknown."
WAS, HAS = ("was", "were"), ("has", "have")
VERBS = {LATER: WAS, SILENT: HAS, GAP: WAS, NEVER: HAS}


def hosts_with_watch(moment: datetime):
    """Return every host, with whether it was watched at that moment, and before it at all."""
    stretches = Coverage.objects.filter(host=OuterRef("pk"), started_at__lte=moment).order_by()
    return Host.objects.annotate(
        watched_before=Exists(stretches),
        watched_then=Exists(stretches.filter(ended_at__gte=moment)),
    )


def sentences(hosts, moment: datetime, now: datetime) -> list[str]:
    """Say which of the hosts, as hosts_with_watch() returns them, were not watched then."""
    by_kind = defaultdict(list)
    for host in hosts:
        if kind := _kind(host, moment, now):
            by_kind[kind].append(host.host_id)
    return [_sentence(kind, by_kind[kind]) for kind in VERBS if kind in by_kind]


def _kind(host: Host, moment: datetime, now: datetime) -> str:
    """Return what is to be said of a host, "" if it was watched."""
    if host.watched_until is None:
        return NEVER
    if host.watched_then or host.watched_since <= moment <= host.watched_until:
        return ""
    if host.watched_until < moment:
        seen = ours(host.watched_until, host.clock_ahead)
        is_due = now - seen <= patience(host.sweep_interval)
        return "" if is_due else SILENT
    return GAP if host.watched_before else LATER


def _sentence(kind: str, names: list[str]) -> str:
    more = len(names) - NAMES
    listed = ", ".join(names[:NAMES]) + (f" and {more} more" if more > 0 else "")
    is_many = len(names) > 1
    return kind.format(f"{listed} {VERBS[kind][is_many]}", "them" if is_many else "it")
