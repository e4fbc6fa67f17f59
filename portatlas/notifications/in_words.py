"""A rule in words, as the list of rules says it. Pure."""

from collections.abc import Iterable

from portatlas.notifications.models import Channel, Rule


def conditions(rule: Rule) -> str:
    """Say when a rule tells something, in half a sentence."""
    said = [f"on {rule.host_id or 'every host'}"]
    said += [f"with the tag {rule.tag}"] if rule.tag else []
    said += [f"open to {rule.get_scope_display()}"] if rule.scope else []
    said += [f"for at least {rule.minutes} min"] if rule.minutes else []
    said += [f"collected for {rule.digest} min"] if rule.digest else []
    if rule.quiet_from is not None:
        hours = f"{rule.quiet_from:%H:%M} to {rule.quiet_until:%H:%M}"
        said += [f"not from {hours} ({rule.time_zone})"]
    said += ["and when it is over"] if rule.tells_recovery else []
    return ", ".join(said)


def channels(found: Iterable[Channel]) -> str:
    """Name channels, and which of them are switched off; "" for none."""
    return ", ".join(each.name if each.is_enabled else f"{each.name} (off)" for each in found)
