"""
Deliveries on their way: claimed, sent, tried again, and ended.

The database is the queue. Whoever claims a delivery has it alone until its claim runs out, and
what came of it is written only where the claim is still that one.
"""

import logging
import random
import uuid
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import reduce
from operator import or_

from django.db import DatabaseError
from django.db.models import (
    Case,
    CharField,
    Exists,
    F,
    OuterRef,
    Q,
    TextField,
    Value,
    When,
)
from django.db.models.functions import Cast, Concat

from portatlas.notifications import channels
from portatlas.notifications.backoff import wait
from portatlas.notifications.messages import RECOVERED
from portatlas.notifications.models import Channel, Delivery
from portatlas.notifications.vault import SecretLostError, unseal

logger = logging.getLogger(__name__)

BATCH = 16  # deliveries that one worker sends at once
LEASE = timedelta(minutes=2)  # far longer than a batch takes
PATIENCE = 25  # seconds in which a batch is sent, whatever hangs
PRUNED_AT_ONCE = 1_000
LOST = "Whoever was sending it ended before it was done, each time."
UNHEARD = (
    ": nobody wrote what came of it, for the worker that had it ended, or its receiver hung. It "
    "may have arrived; each attempt tells the receiver the same idempotency key.\n"
)
LATE = "Nothing is known of it yet: it is still being sent."

Status = Delivery.Status
# Spelled out by `or` like the condition of the index.
OPEN = reduce(or_, [Q(status=each) for each in Delivery.OPEN])


@dataclass(frozen=True, slots=True)
class Terms:
    """How deliveries are made."""

    keys: tuple[str, ...]  # with which secrets are encrypted, the newest first
    allow_private: bool  # whether a webhook may lead into the own network
    first_wait: timedelta  # until the second attempt
    most_attempts: int
    keep: timedelta  # how long the log is kept


def send_due(clock: Callable[[], datetime], terms: Terms) -> int:
    """Send a batch of what is due, and return how many were claimed for that."""
    claimed = claim(clock())
    for delivery in claimed:
        if delivery.attempts > terms.most_attempts or (delivery.is_test and delivery.attempts > 1):
            end(delivery, LOST, clock(), terms, is_final=True)
    send([each for each in claimed if each.status == Status.CLAIMED], clock, terms)
    return len(claimed)


def claim(at: datetime) -> list[Delivery]:
    """
    Claim up to a batch of what is due, by one conditional UPDATE.

    That something is over waits until what it is about has arrived, or was given up.
    """
    raised = Delivery.objects.filter(
        OPEN, rule=OuterRef("rule"), channel=OuterRef("channel"), pk__lt=OuterRef("pk")
    )
    due = Delivery.objects.filter(OPEN, ready_at__lte=at).exclude(
        Exists(raised), document__event=RECOVERED
    )
    pks = list(due.order_by("ready_at", "pk").values_list("pk", flat=True)[:BATCH])
    if not pks:
        return []
    mine = {"status": Status.CLAIMED, "claim": uuid.uuid4(), "ready_at": at + LEASE}
    # The condition stands here again, for another worker may have been faster since.
    due.filter(pk__in=pks).update(attempts=F("attempts") + 1, remarks=_remarks(), **mine)
    return list(Delivery.objects.filter(pk__in=pks, claim=mine["claim"]).select_related("channel"))


def _remarks() -> Case:
    """Return the remarks of what is claimed: an attempt before that has no end is one."""
    number = Cast("attempts", CharField())
    unheard = Concat("remarks", Value("Attempt "), number, Value(UNHEARD))
    return Case(
        When(status=Status.CLAIMED, then=unheard), default="remarks", output_field=TextField()
    )


def send(
    claimed: Iterable[Delivery], clock: Callable[[], datetime], terms: Terms
) -> list[Delivery]:
    """
    Send what is claimed, all at once, and write what came of each as soon as it is known.

    What takes longer than our patience keeps its claim, and is due again when that runs out.
    """
    ended, sending = [], {}
    # Threads send and nothing else: the database is this one's.
    threads = ThreadPoolExecutor(BATCH)
    try:
        for delivery in claimed:
            try:
                target = _target(delivery.channel, terms)
            except (channels.FailedError, SecretLostError) as exc:
                ended.append(end(delivery, str(exc), clock(), terms, is_final=True))
            else:
                parcel = channels.Parcel(
                    str(delivery.key), delivery.subject, delivery.body, delivery.document
                )
                sending[threads.submit(_attempt, target, parcel, clock)] = delivery
        with suppress(TimeoutError):
            for done in as_completed(list(sending), PATIENCE):
                error, is_final = done.result()
                ended.append(end(sending.pop(done), error, clock(), terms, is_final=is_final))
    finally:
        threads.shutdown(wait=False, cancel_futures=True)
    for late in sending.values():
        late.last_error = LATE
        logger.warning("Delivery %s to %s takes too long.", late.key, late.channel_name)
    return ended + list(sending.values())


def end(
    delivery: Delivery, error: str, at: datetime, terms: Terms, *, is_final: bool = False
) -> Delivery:
    """
    Write what came of an attempt, `error` being "" if it arrived.

    Where the database fails it remains claimed: nothing else of its batch is lost by that.
    """
    delivery.last_error = error
    if not error:
        delivery.status, delivery.ended_at = Status.DELIVERED, at
    elif is_final or delivery.is_test or delivery.attempts >= terms.most_attempts:
        delivery.status, delivery.ended_at = Status.GIVEN_UP, at
        logger.warning("Gave up delivery %s to %s: %s", delivery.key, delivery.channel_name, error)
    else:
        delivery.status = Status.QUEUED
        chance = random.random()  # noqa: S311  # to spread attempts, no secret
        delivery.ready_at = at + wait(delivery.attempts, terms.first_wait, chance)
    written = ("status", "ended_at", "last_error", "ready_at")
    values = {name: getattr(delivery, name) for name in written}
    mine = Delivery.objects.filter(pk=delivery.pk, claim=delivery.claim)
    try:
        is_mine = mine.update(claim=None, **values)
    except DatabaseError:
        logger.exception("What came of delivery %s could not be written.", delivery.key)
        return delivery
    if not is_mine:
        logger.warning("Delivery %s was claimed by another worker meanwhile.", delivery.key)
    return delivery


def prune(before: datetime) -> None:
    """Delete a batch of what ended before that from the log."""
    old = Delivery.objects.exclude(OPEN).filter(created_at__lt=before)
    Delivery.objects.filter(
        pk__in=old.order_by("created_at").values("pk")[:PRUNED_AT_ONCE]
    ).delete()


def _target(channel: Channel | None, terms: Terms) -> channels.Target:
    """Raises FailedError or SecretLostError where there is nothing to send to."""
    if channel is None:
        raise channels.FailedError("Its channel was deleted.")
    if not channel.is_enabled:
        raise channels.FailedError("Its channel is switched off.")
    return channels.Target(
        kind=channel.kind,
        address=channel.address,
        secret=unseal(channel.sealed, terms.keys),
        priority=channel.priority,
        tags=tuple(filter(None, channel.tags.split(","))),
        allow_private=terms.allow_private,
    )


def _attempt(
    target: channels.Target, parcel: channels.Parcel, clock: Callable[[], datetime]
) -> tuple[str, bool]:
    """Return what went wrong, "" if nothing did, and whether it always will."""
    try:
        channels.send(target, parcel, clock())
    except channels.FailedError as exc:
        return str(exc), exc.is_final
    except Exception as exc:  # noqa: BLE001  # its text may hold a secret, its kind does not
        return f"It failed unexpectedly ({type(exc).__name__}).", False
    return "", False
