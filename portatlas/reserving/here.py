"""The ground on which the doors reserve ports: this machine, and where ports are looked for."""

from django.conf import settings

from portatlas.reserving.ground import Ground


def ground() -> Ground:
    first, last = map(int, settings.PORTATLAS_PORT_RANGE.split("-"))
    return Ground(settings.PORTATLAS_HOST_ID, range(first, last + 1))
