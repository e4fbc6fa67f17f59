from django import template

from portatlas.board import words

register = template.Library()


@register.filter
def ago(then, now):
    """Say how long ago `then` was."""
    return words.ago(then, now)


@register.filter
def lasting(port, now):
    """Say since when a port is up or gone."""
    if port.is_active:
        return f"up {words.span(port.uptime)}"
    return f"gone for {words.span(now - port.last_disappeared_at)}"
