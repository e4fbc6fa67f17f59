import logging
from functools import cache

from celery import shared_task
from django.conf import settings
from django.utils import timezone

from collector import schedule
from collector.lock import SweepRunningError, hangs, sweep_lock, watched
from collector.signals import swept
from collector.sweep import Verdict

logger = logging.getLogger(__name__)


@cache
def watch():
    """Return the one Watch of this process: a worker that was just started looks in full once."""
    from collector.look import Watch  # noqa: PLC0415  # beat and web need the task's name only

    return Watch()


@shared_task(bind=True)
def collect(self) -> None:
    """
    Look at this host once and record what was seen.

    What a failed look had to say is kept on the host; beat tries again on the next tick. While
    `manage.py watch` runs, and does not hang, the looks of the ticks are its own.
    """
    from collector import hearsay  # noqa: PLC0415  # as above
    from collector.identity import SweepRefusedError  # noqa: PLC0415  # as above

    is_tick = "periodic_task_name" in (self.request.headers or {})  # as beat sends it
    folder = settings.DATA_DIR
    if is_tick and watched(folder) is not None and not hangs(folder):
        return
    watch().bell = hearsay.bell(folder)
    try:
        look(watch(), schedule.interval())
    except (SweepRunningError, SweepRefusedError) as exc:
        logger.warning("No sweep: %s", exc)


def look(eyes, interval: float) -> None:
    """
    Look at this host, record what was seen and tell those who follow it.

    Raises SweepRunningError, SweepRefusedError and what a database raises; what was told of ports
    since the last look is then told again by the next.
    """
    from collector import services  # noqa: PLC0415  # as above

    with sweep_lock(settings.DATA_DIR):
        try:
            outcome = services.collect(
                eyes,
                settings.PORTATLAS_HOST_ID,
                clock=timezone.now,
                timeout=settings.PORTATLAS_SS_TIMEOUT,
                interval=interval,
                alive_every=settings.PORTATLAS_ALIVE_EVERY,
            )
        except Exception:
            eyes.take_back()
            raise
        if outcome.sweep.verdict in {Verdict.FAILED, Verdict.SUSPECT}:
            eyes.take_back()
    logger.debug("Swept: %s", outcome)
    swept.send_robust(collect, outcome=outcome)
