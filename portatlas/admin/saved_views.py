"""The views of the list of ports that somebody saved, as links."""

from urllib.parse import parse_qsl

from django import forms
from django.contrib import admin
from django.core.exceptions import ValidationError
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html

from portatlas.admin import filters
from portatlas.models import SavedView

KNOWN = {each.parameter_name for each in filters.OF_PORTS} | {"q", "o"}


def current(request: HttpRequest) -> str:
    """Return the part of a list's address that a view keeps: no page, no error."""
    query = request.GET.copy()
    for name in set(query) - KNOWN:
        del query[name]
    return query.urlencode()


class SavedViewForm(forms.ModelForm):
    class Meta:
        model = SavedView
        fields = ["title", "query", "position"]

    def clean_query(self):
        query = self.cleaned_data["query"].removeprefix("?")
        unknown = {name for name, _value in parse_qsl(query, keep_blank_values=True)} - KNOWN
        if unknown:
            raise ValidationError(
                "The list of ports knows no %(names)s.",
                params={"names": ", ".join(sorted(unknown))},
            )
        return query


@admin.register(SavedView)
class SavedViewAdmin(admin.ModelAdmin):
    form = SavedViewForm
    list_display = ("title", "shows", "position")
    search_fields = ("title",)

    @admin.display(description="shows")
    def shows(self, view):
        address = reverse("admin:portatlas_port_changelist")
        return format_html('<a href="{}?{}">{}</a>', address, view.query, view.query or "all ports")
