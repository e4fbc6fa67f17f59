"""What the doors take from the settings."""

from django.conf import settings

from portatlas.backup.installation import Installation
from portatlas.version import version


def here() -> Installation:
    return Installation(
        version=version(),
        host_id=settings.PORTATLAS_HOST_ID,
        secret_key=settings.SECRET_KEY,
        data=settings.DATA_DIR,
        key_source=settings.PORTATLAS_SECRET_KEY_SOURCE,
    )
