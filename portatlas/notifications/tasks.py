from celery import shared_task
from django.conf import settings
from django.utils import timezone


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
