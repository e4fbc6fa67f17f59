"""
Lists as CSV, for spreadsheets: streamed, as RFC 4180 has it, and harmless when opened.

The file begins with a byte order mark. Spreadsheets take a file without one for whatever their
country had before Unicode; programs that would stumble over it have the API.
"""

import csv
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, NamedTuple

from django.contrib import admin, messages
from django.contrib.admin.options import IncorrectLookupParameters
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import redirect
from django.urls import path

BOM = "\ufeff"
CHUNK = 500  # rows that are held at once
UNKNOWN = "Nothing was exported: the list has no such filter. Filter it, and export it again."
# A spreadsheet runs a cell that begins so. In some countries the list separator is `;`, and there
# a cell begins behind each of them, and behind each tab.
FORMULA = re.compile(r"(^|[;\t])(?=[ \n]*[=+\-@\t\r\uff1d\uff0b\uff0d\uff20])")


class Column(NamedTuple):
    """A column: its heading, and what a row says there."""

    heading: str
    cell: Callable[[Any], Any]


class Echo:
    """A file that gives back what is written to it."""

    def write(self, text: str) -> str:
        return text


def harmless(value: Any) -> str:
    """
    Return a cell as text in which no spreadsheet sees a formula.

    >>> harmless("=HYPERLINK(1)"), harmless("a;@b"), harmless("nginx"), harmless(None)
    ("'=HYPERLINK(1)", "a;'@b", 'nginx', '')
    """
    return FORMULA.sub(r"\1'", "" if value is None else str(value).replace("\x00", ""))


def lines(columns: Sequence[Column], rows: Iterable[Any]) -> Iterator[str]:
    writer = csv.writer(Echo(), lineterminator="\r\n")
    yield BOM + writer.writerow([column.heading for column in columns])
    for row in rows:
        yield writer.writerow([harmless(column.cell(row)) for column in columns])


def response(name: str, columns: Sequence[Column], queryset) -> StreamingHttpResponse:
    """Return a file of all rows of a query, which is asked once, however many there are."""
    rows = queryset.iterator(chunk_size=CHUNK)
    return StreamingHttpResponse(
        lines(columns, rows),
        content_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="{name}.csv"'},
    )


class Exported(admin.ModelAdmin):
    """A list that can be had as a file: all that its filters show, or what is ticked."""

    csv_name = ""
    csv_columns: Sequence[Column] = ()
    csv_related: Sequence[str] = ()  # what the columns read of other tables

    def get_urls(self):
        opts = self.model._meta
        export = self.admin_site.admin_view(self.export)
        name = f"{opts.app_label}_{opts.model_name}_export"
        return [path("export/", export, name=name), *super().get_urls()]

    def export(self, request: HttpRequest) -> HttpResponse:
        """Return all that the list shows with the same query behind its address."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        try:
            rows = self.get_changelist_instance(request).get_queryset(request)
        except IncorrectLookupParameters:
            messages.error(request, UNKNOWN)
            opts = self.model._meta
            return redirect(f"admin:{opts.app_label}_{opts.model_name}_changelist")
        return self._file(rows)

    @admin.action(description="Export as CSV", permissions=["view"])
    def export_selected(self, request, queryset):
        return self._file(queryset)

    def _file(self, rows):
        related = rows.select_related(*self.csv_related)
        return response(self.csv_name, self.csv_columns, related)
