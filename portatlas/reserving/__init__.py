"""Reservations in the light of facts, notes and the machine, none of which their context knows."""
