from django import template

from portatlas.board import words

register = template.Library()


@register.filter
def since(now, then):
    """Say how long ago `then` was, "" when it never was."""
    return words.span(now - then) if then else ""


@register.filter
def span(time):
    return words.span(time) if time is not None else ""
