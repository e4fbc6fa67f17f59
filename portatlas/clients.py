"""
Which sockets are taken for clients (N36, N37). Computed when read, stored nowhere.

An unconnected UDP socket on an ephemeral port looks the same whether a program has just
asked a name server or whether WireGuard listens there. Two things tell a server: somebody
wrote a note about it, or it has stayed, for no client waits for its answer so long.
"""

from datetime import timedelta

from django.db.models import BooleanField, Case, F, Q, Value, When

STAYED = timedelta(hours=1)

# Measured to the last time it was seen: nobody knows whether it stays where nobody looks.
HAS_STAYED = Q(current_state="active", active_since__lte=F("host__last_sweep_at") - STAYED) | Q(
    current_state="disappeared", active_since__lte=F("last_seen_at") - STAYED
)


def counts_as_client() -> Case:
    """Return whether a port is a client socket, as an SQL expression over fact and note."""
    # A CASE, because the negation of a comparison with NULL would be true for nobody.
    return Case(
        When(Q(is_client=False) | Q(note__isnull=False) | HAS_STAYED, then=Value(value=False)),
        default=Value(value=True),
        output_field=BooleanField(),
    )
