"""
In which part a process holds a port. Pure.

A name is a process's own choice, so a role explains a port and vouches for nothing.
"""

from __future__ import annotations

from collector.sweep import Role

# These listen for nothing but forwards, whether a command line or a configuration file asks.
TUNNELS = {"ssh", "autossh", "dbclient", "sshd-session"}


def role_of(process_name: str, exe: str, cmdline: str, *, is_proxy: bool, socket_unit: str) -> Role:
    """
    Return the part that a process plays, by its name, executable and command line.

    `is_proxy` says that a container engine runs it for a container; `socket_unit` is the
    unit of systemd that the port belongs to, "" if none.
    """
    program = exe.rpartition("/")[2] or process_name
    if is_proxy:
        return Role.PROXY
    if program == "systemd" and socket_unit:  # the system's manager, or a user's
        return Role.SOCKET_UNIT
    if program in TUNNELS or (program == "sshd" and _is_session(cmdline)):
        return Role.TUNNEL
    return Role.SERVER


def _is_session(title: str) -> bool:
    """
    Whether sshd serves one user, so that a port it holds is a forward of theirs (N54).

    The daemon is `/usr/sbin/sshd -D`, or since 8.2 `sshd: /usr/sbin/sshd -D [listener] 0 of
    10-100 startups`, always by its whole path; a session is `sshd: ann`, `sshd: ann@pts/0`.
    """
    return title.startswith("sshd: ") and not title.startswith("sshd: /")
