"""The Celery application: the same for `up` and for a fleet of workers."""

import os

from celery import Celery
from kombu.transport import TRANSPORT_ALIASES

# A URL scheme must be known before the first connection, in every process that may send a task.
TRANSPORT_ALIASES["files"] = "portatlas.broker:Transport"

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "portatlas.settings")

# System checks would make worker and beat load every page of the project: 12 MB each.
os.environ.setdefault("CELERY_SKIP_CHECKS", "1")

app = Celery("portatlas")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
