"""What others may want to follow. Receivers get no facts: those are in the database by then."""

from django.dispatch import Signal

# After each look that was recorded, believed or not. `outcome` is what became of it.
swept = Signal()
