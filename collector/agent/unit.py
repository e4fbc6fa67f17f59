"""The agent as a service of systemd: the text of its unit. Pure."""

from __future__ import annotations

from collections.abc import Sequence

# It may look at all processes and read what it finds, and change nothing: /proc tells who holds
# a socket only to those who may trace (ptrace(2)), and the files of others to those who may read.
CAPABILITIES = "CAP_SYS_PTRACE CAP_DAC_READ_SEARCH"

TEMPLATE = """\
[Unit]
Description=Port Atlas agent: tells the hub what listens on this machine
Wants=network-online.target
After=network-online.target

[Service]
Type=exec
ExecStart={command}
LoadCredential=token:{token}
StateDirectory=portatlas-agent
StateDirectoryMode=0700
Restart=always
RestartSec=15
# Until somebody has put the command line right, there is no use in trying again.
RestartPreventExitStatus=2
TimeoutStopSec=10

DynamicUser=yes
AmbientCapabilities={capabilities}
CapabilityBoundingSet={capabilities}
NoNewPrivileges=yes
UMask=0077

# What it looks at is in /proc, of all processes, and in the network that all share.
ProtectProc=default
ProcSubset=all
PrivateNetwork=no
PrivateUsers=no
RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6 AF_NETLINK

ProtectSystem=strict
ProtectHome=yes
PrivateTmp=yes
PrivateDevices=yes
PrivateMounts=yes
ProtectClock=yes
ProtectControlGroups=yes
ProtectHostname=yes
ProtectKernelLogs=yes
ProtectKernelModules=yes
ProtectKernelTunables=yes
LockPersonality=yes
MemoryDenyWriteExecute=yes
RemoveIPC=yes
RestrictNamespaces=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
SystemCallArchitectures=native
SystemCallFilter=@system-service
SystemCallFilter=~@privileged
SystemCallErrorNumber=EPERM
MemoryMax=256M
TasksMax=32

[Install]
WantedBy=multi-user.target
"""


def text(command: Sequence[str], token: str) -> str:
    """Return the unit that runs a command, with the token in the file at the path `token`."""
    return TEMPLATE.format(
        command=" ".join(map(quoted, command)), token=token, capabilities=CAPABILITIES
    )


def quoted(word: str) -> str:
    r"""
    Return a word as a command line of systemd takes it for itself (systemd.service(5)).

    >>> print(quoted("https://[::1]:8000/a%20b?$c"))
    "https://[::1]:8000/a%%20b?$$c"
    """
    escaped = word.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%").replace("$", "$$")
    return f'"{escaped}"'
