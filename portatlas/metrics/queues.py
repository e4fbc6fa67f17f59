"""How many messages wait in Celery's queues, whatever carries them."""

import logging

from celery import Celery

logger = logging.getLogger(__name__)

# Whoever scrapes waits for the answer, so a broker that is away is not waited for.
IMPATIENT = {"socket_connect_timeout": 2, "socket_timeout": 2}  # seconds, of Redis


def depths(app: Celery) -> dict[str, int] | None:
    """Return how many messages nobody has taken yet, by queue; None if the broker is away."""
    try:
        with app.connection_for_read(transport_options=IMPATIENT) as connection:
            channel = connection.channel()
            # To declare a queue that is there changes nothing, and tells its length.
            return {
                name: channel.queue_declare(queue=name).message_count for name in app.amqp.queues
            }
    except (*app.connection_for_read().connection_errors, OSError) as exc:
        logger.warning("The length of the queue can't be read: %s", type(exc).__name__)
        return None
