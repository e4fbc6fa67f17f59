import logging

from celery import shared_task
from django.conf import settings
from django.utils import timezone

from collector import schedule, services
from collector.lock import SweepRunningError, sweep_lock
from collector.look import Watch
from collector.signals import swept

logger = logging.getLogger(__name__)

WATCH = Watch()  # a cache: a worker that was just started looks in full once


@shared_task
def collect() -> None:
    """
    Look at this host once and record what was seen.

    What a failed look had to say is kept on the host; beat tries again on the next tick.
    """
    try:
        with sweep_lock(settings.DATA_DIR):
            outcome = services.collect(
                WATCH,
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
