"""What the doors take from the settings."""

from datetime import timedelta

from django.conf import settings

from portatlas.notifications.delivery import Terms


def terms() -> Terms:
    return Terms(
        keys=(settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS),
        allow_private=settings.PORTATLAS_WEBHOOKS_PRIVATE,
        first_wait=timedelta(seconds=settings.PORTATLAS_NOTIFY_BACKOFF),
        most_attempts=settings.PORTATLAS_NOTIFY_ATTEMPTS,
        keep=timedelta(days=settings.PORTATLAS_NOTIFY_KEEP),
    )
