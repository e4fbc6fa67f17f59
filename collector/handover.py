"""The name of a host passes on to another machine, because somebody says so."""

from collector.models import Host


def hand_over(host_id: str) -> None:
    """Let the next machine that reports under a name have it, with the facts that are there."""
    Host.objects.filter(pk=host_id).update(machine_id="", refused_at=None, refused_reason="")
