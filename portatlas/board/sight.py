"""How well a host is seen, in plain words: what a verdict means, and what to do about it."""

from collector.models import Host
from collector.sweep import EventSource, OwnersSeen, Verdict

VERDICTS = {
    Verdict.COMPLETE: "Everything that listens was seen.",
    Verdict.PARTIAL: "Some of it could not be read. Such a look may add ports; it removes none.",
    Verdict.SUSPECT: "It saw too little to be true, so nothing was changed.",
    Verdict.FAILED: "Nothing could be read, so nothing was changed.",
}
REMEDIES = {
    Verdict.COMPLETE: "",
    Verdict.PARTIAL: "Run “python3 manage.py collect” on the host and read what it says.",
    Verdict.SUSPECT: (
        "If the ports are really gone, run “python3 manage.py collect” on the host: "
        "two looks that agree are believed."
    ),
    Verdict.FAILED: "Run “python3 manage.py collect” on the host and read what it says.",
}
OWNERS = {
    OwnersSeen.ALL: "Who holds a port could be seen for every port.",
    OwnersSeen.SOME: "Who holds a port could be seen for some ports only.",
    OwnersSeen.NONE: "Who holds a port could be seen for none.",
}
TOLD_BY = {
    EventSource.EBPF: "The kernel tells of ports that open and close (eBPF), and a look follows.",
    EventSource.NOTHING: "What comes and goes between two looks is not seen.",
}
NEVER_SHOWN = (
    "Ports that a container engine or Kubernetes forwards by NAT or IPVS, without any socket.",
    "Listeners inside a container's own network namespace.",
    "TCP sockets that are bound but don't listen, and connected UDP sockets.",
)


def verdict(host: Host) -> str:
    return VERDICTS[Verdict(host.verdict)]


def remedy(host: Host) -> str:
    """Say what to do about the verdict of the last look; "" when there is nothing to do."""
    return REMEDIES[Verdict(host.verdict)]


def between_looks(host: Host) -> str:
    """Say what is known between two looks, and if that is nothing, why and what would mend it."""
    return f"{TOLD_BY[EventSource(host.event_source)]} {host.event_source_reason}".strip()


def owners(host: Host) -> str:
    return OWNERS[OwnersSeen(host.owners_seen)]
