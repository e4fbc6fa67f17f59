"""
Evaluation: what the enabled rules find, and what they have to tell.

Each rule is evaluated in a transaction of its own that holds its row, so that two workers never
tell the same. How many statements it takes does not depend on how many ports there are, batches
of a thousand aside.
"""

import logging
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Exists, F, OuterRef, Q

from collector import bulk
from collector.models import PortEvent
from collector.retirement import is_retired
from collector.timekeeping import patience
from portatlas.notifications import conditions, telling
from portatlas.notifications.conditions import REMEMBERED
from portatlas.notifications.models import Matter, Rule
from portatlas.notifications.scene import Scene
from portatlas.querysets import BOOT
from portatlas.silence import last_seen

logger = logging.getLogger(__name__)

AT_ONCE = 1_000  # keys in a statement
# A machine that wakes up may ask who is silent before it has looked.
SILENT_STILL = timedelta(seconds=50)

Kind, Status = Rule.Kind, Matter.Status
Event = PortEvent
PROGRESS = ("last_event", "basis", "hushed_until", "told_at")


def evaluate(at: datetime, *, by_clock: bool, site: str) -> int:
    """
    Evaluate the enabled rules and return how many deliveries are queued now.

    Without `by_clock` only what happened since a rule was evaluated last is looked at. `site`
    is where links lead, "" for none. A rule that fails is logged, and stops no other.
    """
    rules = list(Rule.objects.filter(is_enabled=True).order_by("pk"))
    if not rules:
        return 0
    scene = Scene.read()
    queued = 0
    for rule in rules:
        if by_clock or rule.basis != scene.name:
            try:
                queued += _evaluate(rule.pk, scene, at, site)
            except Exception:  # whatever it is, the other rules have to be evaluated
                logger.exception("The rule %d could not be evaluated.", rule.pk)
    return queued


@transaction.atomic
def begin(rule: Rule, at: datetime) -> None:
    """Let a rule begin anew, as of now: what it was about before is none of its matters."""
    Rule.objects.select_for_update().get(pk=rule.pk)
    _of(rule).delete()
    rule.since, rule.last_event, rule.basis, rule.hushed_until = at, 0, "", None
    rule.save(update_fields=["since", "last_event", "basis", "hushed_until"])


@transaction.atomic
def _evaluate(pk: int, scene: Scene, at: datetime, site: str) -> int:
    rule = Rule.objects.select_for_update().filter(pk=pk, is_enabled=True).first()
    if rule is None:
        return 0
    before = [getattr(rule, name) for name in PROGRESS]
    is_same = rule.basis == scene.name
    if rule.kind == Kind.SILENT:
        _listen(rule, scene, at)
    else:
        if not is_same:
            _forget(rule, at)
        _open(rule, at, is_same=is_same)
        if not is_same or rule.kind == Kind.FLAPPING:  # which ends by the clock
            _close(rule, at)
    rule.basis, rule.last_event = scene.name, max(rule.last_event, scene.last_event)
    queued = telling.tell(rule, at, site)
    if [getattr(rule, name) for name in PROGRESS] != before:
        rule.save(update_fields=PROGRESS)
    return queued


def _open(rule: Rule, at: datetime, *, is_same: bool) -> None:
    """Open what was found, and has no matter yet."""
    match rule.kind:
        case Kind.NEW_PORT:
            ports = list(conditions.stayed(rule, at))
            if not is_same:
                _welcome(rule, at)
                ports += conditions.appeared(rule, at)
            news = {port.pk: _of_port(rule, port, port.first_seen_at) for port in ports}
            bulk.insert(list(news.values()))
        case Kind.OWNER_CHANGED:
            if not is_same:
                _take_over(rule, at)
        case Kind.UNNOTED | Kind.SUSPICIOUS:
            _open_states(rule, at, by_clock=is_same)
        case _:
            if not is_same:
                _open_states(rule, at, by_clock=False)


def _open_states(rule: Rule, at: datetime, *, by_clock: bool) -> None:
    found = conditions.unopened(rule, at, by_clock=by_clock).only("pk", "host_id")
    bulk.insert(
        [
            _of_port(rule, port, at, Status.ARRIVED if port.arrived else Status.WAITING)
            for port in found.order_by("pk")
        ]
    )


def _welcome(rule: Rule, at: datetime) -> None:
    """Open one matter for each host that is new, whatever was found there."""
    new = set(conditions.arrivals(rule, at))
    if new:
        new -= set(_of(rule).filter(port=None, host__in=new).values_list("host_id", flat=True))
    bulk.insert(
        [
            Matter(rule=rule, host_id=host, status=Status.WAITING, since=at, ready_at=at)
            for host in sorted(new)
        ]
    )


def _take_over(rule: Rule, at: datetime) -> None:
    """Open, change or cancel a matter for each port that another program has got."""
    events = list(conditions.takeovers(rule, at))
    known = {
        each.port_id: each
        for pks in _batches([event.port_runtime_id for event in events])
        for each in _of(rule).filter(port__in=pks)
    }
    changed: dict[int, Matter] = {}
    for event in events:
        matter = known.get(event.port_runtime_id)
        if matter and matter.event >= event.pk:
            continue  # read before
        old, new = event.changes["program"]
        if matter and matter.status == Status.WAITING:
            if new == matter.before:  # it is whose it was, and nobody was told
                matter.status, matter.ready_at = Status.QUIET, at
        else:
            pk = matter and matter.pk
            matter = _of_port(rule, event.port_runtime, event.timestamp)
            matter.pk, matter.before = pk, old
        matter.event, matter.after = event.pk, new
        known[event.port_runtime_id] = changed[event.port_runtime_id] = matter
    bulk.upsert(list(changed.values()), unique=("rule", "port"))


def _close(rule: Rule, at: datetime) -> None:
    """Take back what holds no more, and what holds again before its recovery was told."""
    fits = conditions.fitting(rule, at).filter(pk=OuterRef("port_id"))
    back = [Status.OVER, Status.CANCELLED if rule.is_about_events else Status.QUIET]
    others = (
        _of(rule)
        .filter(port__isnull=False)
        .exclude(port__host__unsettled=BOOT)
        .annotate(holds=Exists(fits))
        .filter(
            Q(holds=True, status__in=back)
            | Q(holds=False, status__in=[Status.WAITING, Status.TOLD, Status.ARRIVED])
        )
    )
    found: dict[str, dict[int, int]] = defaultdict(dict)  # status: port: matter
    for pk, status, holds, port in others.values_list("pk", "status", "holds", "port_id"):
        found["again" if holds and status != Status.CANCELLED else status][port] = pk
    told, arrived, unheard = found[Status.TOLD], found[Status.ARRIVED], found[Status.WAITING]
    broken = _broken_off([*told, *arrived], at)
    _set(found["again"].values(), status=Status.TOLD)
    _set(found[Status.CANCELLED].values(), status=Status.WAITING, since=at, ready_at=at + rule.hold)
    # What had arrived stays what it is.
    _set([told[port] for port in broken & told.keys()], status=Status.QUIET, ready_at=at)
    recovered = [pk for port, pk in told.items() if port not in broken]
    over = [*unheard.values(), *(pk for port, pk in arrived.items() if port not in broken)]
    if rule.tells_recovery:
        _set(recovered, status=Status.OVER, ready_at=at)
    elif rule.is_about_events:
        _set(recovered, status=Status.QUIET, ready_at=at)
    else:
        over += recovered
    if rule.is_about_events:  # what is thrown away would be read again
        _set(over, status=Status.CANCELLED, ready_at=at)
    else:
        _throw_away(over)


def _broken_off(ports: Sequence[int], at: datetime) -> set[int]:
    """Return those that a reboot or a gap took away lately: they have not recovered (N61, N62)."""
    return {
        port
        for pks in _batches(ports)
        for port in Event.objects.filter(
            port_runtime__in=pks,
            event_type=Event.Type.DISAPPEARED,
            cause__in=[Event.Cause.BOOT, Event.Cause.GAP],
            timestamp__gte=at - REMEMBERED,
            port_runtime__current_state="disappeared",
            port_runtime__last_disappeared_at=F("timestamp"),
        ).values_list("port_runtime", flat=True)
    }


def _listen(rule: Rule, scene: Scene, at: datetime) -> None:
    """
    Open and close what is about silent hosts.

    Of those that plan no looks none is silent, and of the retired nobody expects to hear.
    """
    retired = {host.pk for host in scene.hosts if is_retired(host)}
    known = {each.host_id: each for each in _of(rule)}
    new, ended = [], []
    for host in scene.hosts:
        if rule.host_id not in {"", host.pk} or not host.sweep_interval:
            continue
        seen, matter = last_seen(host), known.get(host.pk)
        is_silent = (
            host.pk not in retired and seen + max(patience(host.sweep_interval), rule.hold) <= at
        )
        if is_silent and matter is None:
            due = at + SILENT_STILL
            new.append(
                Matter(rule=rule, host=host, status=Status.WAITING, since=seen, ready_at=due)
            )
        elif is_silent and matter.status == Status.OVER:
            _set([matter.pk], status=Status.TOLD)
        elif not is_silent and matter and matter.status != Status.OVER:
            ended.append(matter)
    bulk.insert(new)
    recovered = {
        each.pk
        for each in ended
        if rule.tells_recovery and each.status == Status.TOLD and each.host_id not in retired
    }
    _set(recovered, status=Status.OVER, ready_at=at)
    _throw_away([each.pk for each in ended if each.pk not in recovered])


def _of(rule: Rule):
    return Matter.objects.filter(rule=rule)


def _of_port(rule: Rule, port, since: datetime, status: str = Status.WAITING) -> Matter:
    return Matter(
        rule=rule,
        host_id=port.host_id,
        port_id=port.pk,
        status=status,
        since=since,
        ready_at=since + rule.hold,
    )


def _forget(rule: Rule, at: datetime) -> None:
    """Throw away what was kept for long enough not to be told again."""
    kept = [Status.QUIET]
    if rule.is_about_events:
        kept += [Status.TOLD, Status.CANCELLED]
    _of(rule).filter(status__in=kept, ready_at__lt=at - REMEMBERED).delete()


def _throw_away(pks: Iterable[int]) -> None:
    for batch in _batches(list(pks)):
        Matter.objects.filter(pk__in=batch).delete()


def _set(pks: Iterable[int], **values) -> None:
    for batch in _batches(list(pks)):
        Matter.objects.filter(pk__in=batch).update(**values)


def _batches(values: Sequence[int]) -> Iterator[Sequence[int]]:
    for start in range(0, len(values), AT_ONCE):
        yield values[start : start + AT_ONCE]
