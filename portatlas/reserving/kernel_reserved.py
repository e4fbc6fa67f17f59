"""
Which ports the kernel is to lend to no client: `ip_local_reserved_ports`. Pure.

A client gets a port of the ephemeral range from the kernel, be it one that a service is to have;
what is reserved there is left out of it (Documentation/networking/ip-sysctl.rst).
"""

from collections.abc import Collection, Iterable
from typing import NamedTuple

NAME = "net.ipv4.ip_local_reserved_ports"
FILE = "/etc/sysctl.d/60-portatlas.conf"
# Characters. The kernel takes a page at once, less one (proc_do_large_bitmap() in kernel/sysctl.c),
# and sysctl(8), which writes but once, does not notice that the rest was left.
LONGEST = 4_000


class Plan(NamedTuple):
    """What the kernel should be told on a host."""

    host_id: str
    ephemeral: range
    added: tuple[int, ...]  # reserved in the atlas, and lent to clients by the kernel until now
    kept: tuple[int, ...]  # reserved in the kernel already, by whomever

    @property
    def spans(self) -> str:
        """
        The whole of it, as the kernel reads it at once.

        Where it is too long for that, ports between those that are reserved are reserved as well.
        """
        ports = [*self.added, *self.kept]
        gap, found = 1, spans(ports)
        while len(found) > LONGEST:
            gap *= 2
            found = spans(ports, gap)
        return found


def plan(host_id: str, reserved: Iterable[int], *, ephemeral: range, kept: Collection[int]) -> Plan:
    """
    Return what the kernel should be told of reserved ports.

    >>> plan("atlas", [80, 40000, 40001], ephemeral=range(32768, 61000), kept={50000}).spans
    '40000-40001,50000'
    """
    added = {port for port in reserved if port in ephemeral}.difference(kept)
    return Plan(host_id, ephemeral, tuple(sorted(added)), tuple(sorted(kept)))


def spans(ports: Iterable[int], gap: int = 1) -> str:
    """
    Return ports as the kernel reads them: ranges between commas, ascending.

    Ports that are no further apart than `gap` are in one range.

    >>> spans([8003, 8001, 8000, 8001, 9000]), spans([8003, 8001, 9000], gap=2)
    ('8000-8001,8003,9000', '8001-8003,9000')
    """
    found: list[list[int]] = []
    for port in sorted(set(ports)):
        if found and port <= found[-1][-1] + gap:
            found[-1][1:] = [port]
        else:
            found.append([port])
    return ",".join("-".join(map(str, span)) for span in found)


def drop_in(plan: Plan) -> str:
    """Return the file for `sysctl --system`, which says itself what it is and how it is used."""
    first, last = plan.ephemeral[0], plan.ephemeral[-1]
    lines = [
        f"# Port Atlas: reserved ports of {plan.host_id} that the kernel would lend to clients,",
        f"# for it lends {first}-{last}. What is reserved in the kernel already is kept.",
    ]
    if not plan.added:
        lines.append("# None of the reserved ports lies there, so there is nothing to add.")
    if plan.spans:
        lines += [
            f"# Write it to {FILE}, then run: sysctl --system",
            f"{NAME} = {plan.spans}",
        ]
    return "\n".join([*lines, ""])
