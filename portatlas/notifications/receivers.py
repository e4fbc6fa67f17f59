"""What the collector's news start here."""

import logging

from django.core.cache import cache
from kombu.exceptions import OperationalError

from portatlas.cache import no_answer

logger = logging.getLogger(__name__)

SOON = 5  # seconds in which the news of many hosts are gathered
ASKED = "portatlas:evaluation-asked-for"


def after_sweep(sender, outcome=None, *, pushed=False, **kwargs) -> None:
    """
    Evaluate the rules in the sweep's own task.

    What was pushed came to a web process, as one of perhaps a hundred in a second, and waits for
    no rule: if it brought news, the worker evaluates soon, once for all that came by then.
    """
    if pushed and (outcome.unchanged or not _is_first()):
        return
    from portatlas.notifications import tasks  # noqa: PLC0415  # Celery, which few requests need

    if not pushed:
        tasks.evaluate()
        return
    # A connection of its own: those of the pool wait for a Redis that is silent for ever.
    options = {"socket_connect_timeout": 1, "socket_timeout": 1, "max_retries": 0}
    try:
        with tasks.evaluate.app.connection_for_write(transport_options=options) as connection:
            tasks.evaluate.apply_async(
                connection=connection,
                countdown=SOON,
                expires=60,  # the evaluation of the minute has been by then
                retry_policy={"max_retries": 0},
            )
    except (OSError, OperationalError) as exc:
        logger.warning("What a sweep brought is told in the next minute: %s", exc)


def _is_first() -> bool:
    """Whether no evaluation is asked for that is yet to come."""
    try:
        return cache.add(ASKED, 1, timeout=SOON)
    except no_answer() as exc:
        logger.warning("What a sweep brought is told in the next minute: %s", exc)
        return False
