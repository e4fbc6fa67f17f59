from django import template

from portatlas import words
from portatlas.board import owners
from portatlas.models import REACH

register = template.Library()

# What a port is called and who holds it, in words: `{{ port|called }}`.
register.filter("called", owners.title)
register.filter("holding", owners.holding)
register.filter("hint", owners.hint)
register.filter("faults", owners.faults)
register.filter("lasting", words.lasting)


@register.filter
def ago(then, now):
    """Say how long ago `then` was."""
    return words.ago(then, now)


@register.filter
def family(end):
    """Say by which versions of IP an endpoint can be reached."""
    return owners.FAMILIES[end.family]


@register.filter
def reach(end):
    """Say from where an endpoint can be reached."""
    return REACH[end.scope]
