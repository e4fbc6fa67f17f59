"""What a control group's path says about who runs in it. Pure."""

from __future__ import annotations

import re

UNIT = re.compile(r"[^/]+\.service(?=/|$)")
CONTAINER = re.compile(r"(?<![0-9a-f])([0-9a-f]{64})(?![0-9a-f])")


def unit_of(path: str) -> str:
    """
    Return the innermost systemd service.

    >>> unit_of("/user.slice/user-1000.slice/user@1000.service/app.slice/syncthing.service")
    'syncthing.service'
    """
    found = UNIT.findall(path)
    return found[-1][:255] if found else ""


def socket_unit_of(path: str) -> str:
    """
    Return the systemd socket unit that opened a socket which lies in this control group.

    >>> socket_unit_of("/system.slice/system-cups.slice/cups.socket")
    'cups.socket'
    """
    name = path.rpartition("/")[2]
    return name[:255] if name.endswith(".socket") else ""


def container_of(path: str) -> str:
    """
    Return the short id of the innermost container: docker, podman, containerd and cri-o alike.

    >>> container_of("/system.slice/docker-" + "0123456789ab" * 5 + "cdef.scope")
    '0123456789ab'
    """
    found = CONTAINER.findall(path)
    return found[-1][:12] if found else ""
