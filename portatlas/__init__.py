"""Port Atlas: the composition of facts (`collector`) and memory (`notes`)."""

from portatlas.celery import app as celery_app

__all__ = ["celery_app"]
