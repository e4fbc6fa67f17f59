import logging
from functools import cache

from celery import shared_task
from django.conf import settings
from django.utils import timezone

from collector import schedule
from collector.lock import SweepRunningError, sweep_lock
from collector.signals import swept

logger = logging.getLogger(__name__)


@cache
def watch():
    """Return the one Watch of this process: a worker that was just started looks in full once."""
    from collector.look import Watch  # noqa: PLC0415  # beat and web need the task's name only

    return Watch()


@shared_task
def collect() -> None:
    """
    Look at this host once and record what was seen.

    What a failed look had to say is kept on the host; beat tries again on the next tick.
    """
    from collector import services  # noqa: PLC0415  # as above

    try:
        with sweep_lock(settings.DATA_DIR):
            outcome = services.collect(
                watch(),
                settings.PORTATLAS_HOST_ID,
                clock=timezone.now,
                timeout=settings.PORTATLAS_SS_TIMEOUT,
                interval=schedule.interval(),
                alive_every=settings.PORTATLAS_ALIVE_EVERY,
            )
    except (SweepRunningError, services.SweepRefusedError) as exc:
        logger.warning("No sweep: %s", exc)
    else:
        logger.debug("Swept: %s", outcome)
        swept.send_robust(collect, outcome=outcome)
