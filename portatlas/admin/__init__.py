"""The admin of the atlas: the facts and the notes of the packages below, joined and linked."""

from django.contrib import admin

from portatlas.admin import (  # noqa: F401  # they register
    facts,
    notes,
    people,
    ports,
    reservations,
    saved_views,
    schedule,
)

admin.site.site_header = admin.site.site_title = "Port Atlas"
admin.site.index_title = "Facts and memory"
admin.site.site_url = None  # every page leads to the board by its name
