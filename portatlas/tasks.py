from celery import shared_task
from django.conf import settings
from django.utils import timezone


@shared_task
def look_after_reservations() -> None:
    """Tell reservations what facts say of them, and release those that have ended. Each minute."""
    from portatlas.reserving import observing  # noqa: PLC0415  # beat needs the name only

    observing.look_after(timezone.now(), here=settings.PORTATLAS_HOST_ID)
