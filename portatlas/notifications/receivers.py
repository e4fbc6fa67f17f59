"""What the collector's news start here."""

import logging

from django.conf import settings
from django.utils import timezone
from kombu.exceptions import OperationalError

logger = logging.getLogger(__name__)


def after_sweep(sender, **kwargs) -> None:
    """Evaluate the rules in the sweep's own task; only if there is something to send, say so."""
    from portatlas.notifications import tasks, watch  # noqa: PLC0415  # the web process needs none

    if watch.evaluate(timezone.now(), by_clock=False, site=settings.PORTATLAS_URL):
        try:
            tasks.deliver.delay()
        except (OSError, OperationalError) as exc:
            logger.warning("What is to be sent waits for the next minute: %s", exc)
