import logging

from celery import shared_task
from django.conf import settings
from django.utils import timezone
from kombu.exceptions import OperationalError

logger = logging.getLogger(__name__)


@shared_task
def tick() -> None:
    """
    Evaluate what only time decides, send what is due, and forget what is old.

    Called once a minute. What is queued is sent even if the rules can't be evaluated.
    """
    from portatlas.notifications import delivery, watch  # noqa: PLC0415  # beat needs the name
    from portatlas.notifications.terms import terms  # noqa: PLC0415  # as above

    try:
        watch.evaluate(timezone.now(), by_clock=True, site=settings.PORTATLAS_URL)
    finally:
        deliver()
    delivery.prune(timezone.now() - terms().keep)


@shared_task
def evaluate() -> None:
    """
    Evaluate what has happened since the last time; only if there is something to send, say so.

    Called after the sweeps of this host, and soon after those that agents bring.
    """
    from portatlas.notifications import watch  # noqa: PLC0415  # as above

    if watch.evaluate(timezone.now(), by_clock=False, site=settings.PORTATLAS_URL):
        try:
            deliver.delay()
        except (OSError, OperationalError) as exc:
            logger.warning("What is to be sent waits for the next minute: %s", exc)


@shared_task
def deliver() -> None:
    """
    Send a batch of what is due.

    Where there may be more, another message says so, behind those that wait: a worker that does
    everything gets to its sweeps in between.
    """
    from portatlas.notifications import delivery  # noqa: PLC0415  # as above
    from portatlas.notifications.terms import terms  # noqa: PLC0415  # as above

    if delivery.send_due(timezone.now, terms()) == delivery.BATCH:
        deliver.delay()
