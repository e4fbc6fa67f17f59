"""The door for gunicorn: `gunicorn portatlas.wsgi`."""

import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "portatlas.settings")

application = get_wsgi_application()
