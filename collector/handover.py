"""The name of a host passes on to another machine, because somebody says so."""

from collector.models import Host


def hand_over(host_id: str) -> None:
    """
    Let the next machine that reports under a name have it, with the facts that are there.

    How the old one was looked at is forgotten: a new one without ss has not lost its own. Saved
    output is of no machine.
    """
    known = Host.objects.filter(pk=host_id).exclude(source="file")
    known.update(machine_id="", source="", refused_at=None, refused_reason="")
