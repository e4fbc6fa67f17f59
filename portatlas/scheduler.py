"""
The scheduler of Celery beat, of which any number may run: each turn of a task is sent by one.

No beat is the chief, so none has to be declared dead before another takes over: all of them wait
for every task, and whoever is the first to write that it ran has its turn. When one is killed the
others send the very next turn. What is lost at most is the one turn that it had just taken.
"""

import logging
from datetime import datetime

from django.db import DatabaseError, InterfaceError, close_old_connections
from django.db.models import F, Q
from django_celery_beat.schedulers import DatabaseScheduler, ModelEntry

logger = logging.getLogger(__name__)


class SharedScheduler(DatabaseScheduler):
    """The schedule in the database, as django-celery-beat has it, with the turns told there too."""

    _is_our_turn = False  # beat reserves and applies one entry at a time

    def reserve(self, entry: ModelEntry) -> ModelEntry:
        """Return what the entry is after this turn, be it ours or of another beat."""
        known = entry.last_run_at
        reserved = next(entry)
        try:
            self._is_our_turn = self._claim(reserved, known)
            if not self._is_our_turn:
                self._follow(reserved)
        except (DatabaseError, InterfaceError) as exc:
            logger.warning("Task %r has to wait for the database: %s", entry.name, exc)
            self._is_our_turn = False
            reserved.model.last_run_at = reserved.last_run_at = known  # as it still is told there
            close_old_connections()
        return reserved

    def apply_entry(self, entry: ModelEntry, producer=None) -> None:
        if self._is_our_turn:
            super().apply_entry(entry, producer)

    def _claim(self, reserved: ModelEntry, known: datetime) -> bool:
        """Write that the task ran now, if nobody has written so since it ran as is `known`."""
        tasks = self.Model.objects.filter(Q(last_run_at=known) | Q(last_run_at=None))
        claimed = tasks.filter(pk=reserved.model.pk).update(
            last_run_at=reserved.last_run_at, total_run_count=F("total_run_count") + 1
        )
        return bool(claimed)

    def _follow(self, reserved: ModelEntry) -> None:
        """Have an entry remember the turn that another beat took."""
        tasks = self.Model.objects.filter(pk=reserved.model.pk)
        told = tasks.values_list("last_run_at", flat=True).first()
        if told:
            reserved.model.last_run_at = reserved.last_run_at = told
