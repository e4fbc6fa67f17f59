"""What the lists say alike: times, states, and links from facts to notes and to the board."""

from datetime import datetime
from urllib.parse import urlencode

from django.contrib import admin
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html

from portatlas.models import KEY, Port
from portatlas.silence import silent_since
from portatlas.words import clock


def in_place_of(model):
    """Register an admin that knows more of a model than that of the model's own package."""

    def register(cls):
        admin.site.unregister(model)
        return admin.register(model)(cls)

    return register


def moment(time: datetime | None) -> str:
    """Say a time to the second, in UTC."""
    return f"{time:%F %T}" if time else ""


def host_link(host_id: str):
    return format_html('<a href="{}">{}</a>', reverse("host", args=[host_id]), host_id)


def port_address(port) -> str:
    """Return the address of a port's page. Takes a port, or a note of one host."""
    return reverse("port", args=[port.host_id, port.protocol, port.port])


def state_badge(port: Port):
    """
    Say a state by mark, word and colour, and since when it is unknown while its host is silent.

    The port has its `severity` and its host.
    """
    now = timezone.now()
    badge = format_html(
        '<span class="state state--{}">{}</span>', port.state.value, port.state.label
    )
    if since := silent_since(port.host, now):
        unknown = '<span class="state state--unknown">Unknown</span> <small>since {}, was</small>'
        return format_html(f"{unknown} {{}}", clock(since, now), badge)
    return badge


def note_link(port: Port):
    """Link to the note about a port, or to a form for one with the key filled in."""
    note = port.note
    if note is None:
        query = urlencode({name: getattr(port, name) for name in KEY})
        address = reverse("admin:notes_portnote_add")
        return format_html('<a href="{}?{}">Write a note</a>', address, query)
    address = reverse("admin:notes_portnote_change", args=[note.pk])
    aside = "for every host" if note.speaks_for_every_host else ""
    return format_html(
        '<a href="{}">{}</a> <small>{}</small>', address, note.title or "Untitled", aside
    )
