"""One writer of reservations at a time, so that what was found free still is when it is taken."""

from django.db import connection

NAME = "hashtext('reservations')"


def take() -> None:
    """
    Wait until nobody else writes reservations; until the end of the transaction nobody does.

    On SQLite a transaction has the only lock for writing from its beginning.
    """
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute(f"SELECT pg_advisory_xact_lock({NAME})")
