"""What the fast read of the board has to agree with."""

from collections import Counter

from django.db.models import Count

from portatlas import states
from portatlas.querysets import PortQuerySet
from portatlas.states import PortState


def state_counts(ports: PortQuerySet) -> Counter[tuple[PortState, bool]]:
    """Count the ports of each (state, is active) by joining. Needs with_state()."""
    rows = ports.order_by().values_list("severity", "current_state").annotate(n=Count("pk"))
    counts: Counter = Counter()
    for severity, current_state, n in rows:
        counts[states.BY_SEVERITY[severity].state, current_state == "active"] += n
    return counts
