"""
The SQL that pg_restore writes, run in a transaction that is open already.

So the tables of before go, the new ones come, and migrations follow, in one transaction: nobody
sees anything of it before all of it is done, and who is killed in between has changed nothing.
psql is not asked, which would obey commands in the script that are none of SQL.
"""

from typing import BinaryIO

import psycopg

ROWS = 1000  # sent at once
LONGEST = 2**24  # bytes of statements in a row
END_OF_ROWS = b"\\.\n"

# What is meant for psql, and a setting that a server older than pg_restore doesn't know.
LEFT_OUT = (b"\\restrict ", b"\\unrestrict ", b"SET transaction_timeout ")


def run(script: BinaryIO, connection: psycopg.Connection) -> None:
    """Run a script. Raises psycopg.Error, ValueError if it is none of pg_restore's."""
    statements: list[bytes] = []
    size = 0
    for line in script:
        if line.startswith(b"COPY ") and line.endswith(b" FROM stdin;\n"):
            _execute(connection, statements)
            size = 0
            _copy(script, connection, line)
        elif not line.startswith(LEFT_OUT):
            size += len(line)
            if size > LONGEST:
                raise ValueError(f"more than {LONGEST} bytes of statements in a row")
            statements.append(line)
    _execute(connection, statements)


def _execute(connection: psycopg.Connection, statements: list[bytes]) -> None:
    connection.execute(b"".join(statements), prepare=False)
    statements.clear()


def _copy(script: BinaryIO, connection: psycopg.Connection, statement: bytes) -> None:
    rows: list[bytes] = []
    with connection.cursor() as cursor, cursor.copy(statement) as copy:
        for line in script:
            if line == END_OF_ROWS:
                copy.write(b"".join(rows))
                return
            rows.append(line)
            if len(rows) == ROWS:
                copy.write(b"".join(rows))
                rows.clear()
        raise ValueError("its rows have no end")
