"""The admin of the atlas: the facts and the notes of the packages below, joined and linked."""

from django.contrib import admin

from portatlas.admin import facts, notes, ports, saved_views  # noqa: F401  # they register

admin.site.site_header = admin.site.site_title = "Port Atlas"
admin.site.index_title = "Facts and memory"
