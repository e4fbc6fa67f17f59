"""
Run a command on ports that are leased for it, and for as long as it runs.

The lease is its own: it is there before the command begins, and if whoever runs it is killed,
it holds until the command has ended, which is noticed once a minute (`observing`).
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

from django.db import connections, transaction

from portatlas.contexts.reservations import history, lock, services
from portatlas.contexts.reservations.models import Reservation
from portatlas.contexts.reservations.querysets import Place
from portatlas.contexts.reservations.services import Actor
from portatlas.reserving.errand import Errand
from portatlas.reserving.ground import Ground, Wanted


def names(count: int, said: Sequence[str] = ()) -> list[str]:
    """
    Return the variables in which so many ports are handed over. Raises ValueError.

    >>> names(3), names(2, ["WEB", "API"]), names(3, ["WEB"])
    (['PORT', 'PORT_2', 'PORT_3'], ['WEB', 'API'], ['WEB', 'WEB_2', 'WEB_3'])
    """
    first = said[0] if said else "PORT"
    found = list(said) if len(said) > 1 else [first, *(f"{first}_{n}" for n in range(2, count + 1))]
    if len(found) != count or len(set(found)) < count:
        raise ValueError(f"{count} ports can't be handed over in these variables: say one or all.")
    for name in found:
        if not (name.isascii() and name.isidentifier()):
            raise ValueError(f"{ascii(name)[:60]} is no name of a variable: write it like PORT.")
    return found


def run(  # noqa: PLR0913  # what is leased, what is run, and who does it
    ground: Ground,
    wanted: Wanted,
    command: Sequence[str],
    *,
    variables: Sequence[str],
    protocol: str = "tcp",
    terms: Mapping[str, Any] | None = None,
    keep: bool = False,
    by: Actor,
    clock: Callable[[], datetime],
    begins: Callable[[list[Reservation]], None] = lambda leased: None,
) -> int:
    """
    Return the exit code of a command, which finds the ports in its environment.

    `begins` is told which they are. With `keep` they stay reserved when it has ended. No
    connection to the database is open while it runs. Raises RefusedError, ValidationError.
    """
    place = Place(ground.here, protocol)
    errand = Errand(command)
    try:
        said = {**(terms or {}), **({} if keep else {"pid": errand.pid})}
        leased = ground.request(place, wanted, said, by=by, at=clock())
        begins(leased)
        hang_up()
    except BaseException:
        errand.give_up()  # and with it ends the lease, if there is one already
        raise
    try:
        ports = (str(each.port) for each in leased)
        return errand.run(dict(zip(variables, ports, strict=True)))
    finally:
        if not keep:
            release(leased, by=by, at=clock())


def hang_up() -> None:
    """Close what is open to the database; the next statement opens it again."""
    for connection in connections.all(initialized_only=True):
        connection.close()
        if hasattr(connection, "close_pool"):  # of PostgreSQL, whose threads would take signals
            connection.close_pool()


@transaction.atomic
def release(leased: Sequence[Reservation], *, by: Actor, at: datetime) -> int:
    """Release what was leased and still is; return how many ports that were."""
    lock.take()
    still = Reservation.objects.filter(pk__in=[each.pk for each in leased])
    return services.end(still, at=at, by=by.name, why=history.ENDED)
