"""A sweep that saw what is recorded, which is what most sweeps do."""

from datetime import datetime

from django.db import transaction

from collector import statements, transients
from collector.sweep import Sweep


def extend(
    sweep: Sweep, digest: str, alive_every: float, looked_at: datetime | None = None
) -> bool:
    """
    Record a sweep if what it saw, by its digest, is what is recorded, and return whether it is.

    Who tells a digest need not tell listeners. `looked_at` is when it was taken by our clock, if
    that is another than its own. It costs one UPDATE, whatever the number of ports,
    and a journal if the kernel told of ports that came and went meanwhile.
    """
    passed = transients.lives(sweep) if sweep.news else []
    if not passed:
        return statements.extend(sweep, digest, alive_every, looked_at)
    with transaction.atomic():
        if not statements.extend(sweep, digest, alive_every, looked_at):
            return False
        held = sweep.by_key or statements.active_on(sweep.host_id, {each.port for each in passed})
        transients.record(sweep.host_id, [each for each in passed if each.key not in held])
    return True
