"""The door for gunicorn: `gunicorn portatlas.wsgi`."""

import gc
import os

from django.core.wsgi import get_wsgi_application
from django.urls import get_resolver

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "portatlas.settings")

application = get_wsgi_application()

# What is loaded stays, and a page makes thousands of objects without a cycle in them: to look
# through all of these for cycles as often as Python does by itself is a tenth of a page's time.
get_resolver().url_patterns  # noqa: B018  # loads what the first request would
gc.freeze()
gc.set_threshold(20_000, 50, 50)
