"""The agent as a service of systemd: the text of its unit. Pure."""

from __future__ import annotations

from collections.abc import Sequence

# It may look at all processes and read what it finds, and change nothing: /proc tells who holds
# a socket only to those who may trace (ptrace(2)), and the files of others to those who may read.
CAPABILITIES = "CAP_SYS_PTRACE CAP_DAC_READ_SEARCH"
# To load the programs that tell of ports, to attach them, and to read what they may read.
EBPF_CAPABILITIES = "CAP_BPF CAP_NET_ADMIN CAP_PERFMON"

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
{further}MemoryMax=256M
TasksMax=32

[Install]
WantedBy=multi-user.target
"""

EBPF = """\
# One of @privileged is for the programs, and before Linux 5.11 their memory counts as locked.
SystemCallFilter=bpf
LimitMEMLOCK=64M
"""


def text(command: Sequence[str], token: str, *, ebpf: bool = False) -> str:
    """
    Return the unit that runs a command, with the token in the file at the path `token`.

    `ebpf` gives it what it takes to be told of ports by the kernel.
    """
    return TEMPLATE.format(
        command=" ".join(map(quoted, command)),
        token=token,
        capabilities=f"{CAPABILITIES} {EBPF_CAPABILITIES}" if ebpf else CAPABILITIES,
        further=EBPF if ebpf else "",
    )


def quoted(word: str) -> str:
    r"""
    Return a word as a command line of systemd takes it for itself (systemd.service(5)).

    >>> print(quoted("https://[::1]:8000/a%20b?$c"))
    "https://[::1]:8000/a%%20b?$$c"
    """
    escaped = word.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%").replace("$", "$$")
    return f'"{escaped}"'
