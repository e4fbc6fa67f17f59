"""Which ports fit a rule. Nothing here writes, and nothing is asked before somebody iterates."""

from datetime import datetime, timedelta

from django.db.models import Case, Exists, F, OuterRef, Q, When

from collector.models import PortEvent
from collector.sweep import Scope
from portatlas import states
from portatlas.models import Port
from portatlas.notifications.models import Matter, Rule
from portatlas.querysets import BOOT, PortQuerySet, has_tag

REMEMBERED = timedelta(days=1)  # how long what happened is news, and kept from being told again
OVERLAP = 1_000  # events that are read again: a long transaction may have had lower numbers
ARRIVAL = timedelta(minutes=5)  # what a first look finds may take so long to be understood
SETTLED_IN = states.STAYED + ARRIVAL  # the same for sockets that look like clients'

Kind = Rule.Kind
Cause, Type = PortEvent.Cause, PortEvent.Type


def narrowed(rule: Rule) -> PortQuerySet:
    """Return the ports that a rule is about, whatever they are like."""
    ports = Port.objects.without_clients()
    if rule.host_id:
        ports = ports.filter(host=rule.host_id)
    if rule.tag:
        ports = ports.filter(has_tag(rule.tag, of="note__"))
    if rule.scope:
        ports = ports.filter(scope__in=list(Scope)[Scope(rule.scope).width :])
    return ports


def fitting(rule: Rule, at: datetime) -> PortQuerySet:
    """Return the ports for which a rule holds now. For one about events: those still there."""
    if rule.is_about_events:
        return narrowed(rule).filter(current_state="active")
    return narrowed(rule).with_state(at).in_state(rule.kind)


def unopened(rule: Rule, at: datetime, *, by_clock: bool) -> PortQuerySet:
    """
    Return the ports that fit a rule about states and have no matter yet.

    Each knows whether it `arrived`: whether what it is follows from the first look at its host,
    and from nobody's word. `by_clock` leaves out what time alone does not bring about.
    """
    ports = fitting(rule, at).exclude(host__unsettled=BOOT)
    if by_clock:
        ports = ports.filter(standing__rank__in=states.ACTIVE_CLIENTS)
    arrived = _arrived() if rule.kind in {Kind.UNNOTED, Kind.SUSPICIOUS} else Q(pk=None)
    return ports.filter(~Exists(_matters(rule))).annotate(
        arrived=Case(When(arrived, then=True), default=False)
    )


def appeared(rule: Rule, at: datetime) -> PortQuerySet:
    """Return the ports that were never seen before these last events, and have no matter yet."""
    first = _events(rule, at).filter(
        event_type=Type.APPEARED,
        cause=Cause.OBSERVED,
        timestamp=F("port_runtime__first_seen_at"),
    )
    return _unopened_news(rule).filter(pk__in=first.values("port_runtime"))


def stayed(rule: Rule, at: datetime) -> PortQuerySet:
    """Return what appeared lately as a client's socket would, and stayed, and has no matter."""
    lately = max(rule.since, at - REMEMBERED)
    first = PortEvent.objects.filter(
        port_runtime=OuterRef("pk"),
        event_type=Type.APPEARED,
        cause=Cause.OBSERVED,
        timestamp=OuterRef("first_seen_at"),
    )
    return _unopened_news(rule).filter(
        Exists(first),
        standing__rank__in=states.ACTIVE_CLIENTS,
        standing__since__gt=lately,
        first_seen_at__gt=lately,
    )


def takeovers(rule: Rule, at: datetime):
    """Return the events by which another program got a port, the oldest first."""
    return (
        _events(rule, at)
        .filter(
            event_type__in=[Type.APPEARED, Type.REBOUND],
            cause=Cause.OBSERVED,
            changes__has_key="program",
            port_runtime__in=fitting(rule, at).exclude(host__unsettled=BOOT).values("pk"),
        )
        .select_related("port_runtime")
        .order_by("pk")
    )


def arrivals(rule: Rule, at: datetime):
    """Return the hosts that were looked at for the first time."""
    if rule.tag or rule.scope:
        return PortEvent.objects.none()
    first = _events(rule, at).filter(cause=Cause.FIRST_SWEEP)
    if rule.host_id:
        first = first.filter(port_runtime__host=rule.host_id)
    return first.order_by().values_list("port_runtime__host_id", flat=True).distinct()


def _events(rule: Rule, at: datetime):
    return PortEvent.objects.filter(
        pk__gt=rule.last_event - OVERLAP, timestamp__gt=max(rule.since, at - REMEMBERED)
    )


def _unopened_news(rule: Rule) -> PortQuerySet:
    ports = narrowed(rule).filter(current_state="active").exclude(host__unsettled=BOOT)
    return ports.filter(~Exists(_matters(rule)))


def _matters(rule: Rule):
    return Matter.objects.filter(rule=rule, port=OuterRef("pk"))


def _arrived() -> Q:
    first = PortEvent.objects.filter(
        port_runtime=OuterRef("pk"),
        timestamp=OuterRef("first_seen_at"),
        cause=Cause.FIRST_SWEEP,
    )
    watched = "host__watched_until"
    is_young = ~Q(states.lasted(watched, ARRIVAL, "first_seen_at")) | (
        Q(is_client=True) & ~Q(states.lasted(watched, SETTLED_IN, "first_seen_at"))
    )
    # That its note calls it suspicious, or that it is another's, is no finding of a look.
    return Q(Exists(first)) & is_young & ~Q(standing__rank__in=states.SAID)
