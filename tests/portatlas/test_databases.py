"""What the two databases would do each in its way, and must do alike."""

import re

import pytest
from django.contrib import admin
from django.contrib.auth.models import User
from django.core.exceptions import FieldDoesNotExist
from django.db import connection
from django.urls import URLPattern, get_resolver, reverse

import portatlas.urls  # noqa: F401  # registers the pages of the admin
from portatlas.api.hosts import HostViewSet
from portatlas.api.notes import NoteList
from portatlas.api.ports import PortViewSet
from tests.conftest import NOON

PART = re.compile(r"<[^>]+>")  # of an address


def may_be_empty(model, path):
    """Whether a column, by its path from a model, can be NULL."""
    for name in path.lstrip("-").split("__"):
        try:
            field = model._meta.get_field(name)
        except FieldDoesNotExist:
            return False  # computed, and never NULL
        if field.null:
            return True
        model = field.related_model
    return False


@pytest.mark.parametrize("view", [HostViewSet, NoteList, PortViewSet])
def test_every_order_of_the_api_says_where_nothing_stands(view):
    model = view.queryset.model

    undecided = {
        name
        for name in view.ordering_fields
        if name not in view.ordering_columns and may_be_empty(model, name)
    }

    assert undecided == set()


@pytest.mark.django_db
def test_every_column_of_the_admin_says_where_nothing_stands(rf):
    request = rf.get("/")
    request.user = User(is_superuser=True)

    undecided = []
    for model, model_admin in admin.site._registry.items():
        changes = model_admin.get_changelist_instance(request)
        for name in changes.sortable_by:
            order = changes.get_ordering_field(name)
            if isinstance(order, str) and may_be_empty(model, order):
                undecided.append((model.__name__, name))

    assert undecided == []


def test_hosts_never_swept_stand_last_upwards_and_downwards(admin_client, add_host):
    add_host("swept")
    add_host("never", last_sweep_at=None)

    assert [ordered(admin_client, "hosts", f"{sign}last_sweep_at") for sign in ("", "-")] == [
        ["swept", "never"],
        ["swept", "never"],
    ]


def test_notes_without_review_stand_last_upwards_and_downwards(admin_client, write_note):
    write_note(1)
    write_note(2, review_by=NOON.date())

    orders = [ordered(admin_client, "notes", f"{sign}review_by", "port") for sign in ("", "-")]

    assert orders == [[2, 1], [2, 1]]


def ordered(client, what, order, field="host_id"):
    answer = client.get(f"/api/v1/{what}/", {"ordering": order}).json()
    return [each[field] for each in answer["results"]]


@pytest.mark.django_db
@pytest.mark.skipif(connection.vendor == "sqlite", reason="a file has no zone of its own")
def test_the_zone_of_the_server_is_not_ours():
    elsewhere = connection.copy()
    elsewhere.settings_dict["OPTIONS"] = {"options": "-c timezone=Pacific/Kiritimati"}

    with elsewhere.cursor() as cursor:
        cursor.execute("SHOW timezone")
        (zone,) = cursor.fetchone()
    elsewhere.close()

    assert zone == "UTC"


@pytest.mark.django_db
@pytest.mark.skipif(connection.vendor == "sqlite", reason="it compiles nothing")
def test_no_statement_is_compiled_which_takes_longer_than_to_run_it():
    with connection.cursor() as cursor:
        cursor.execute("SHOW jit")

        assert cursor.fetchone() == ("off",)


def addresses(patterns, before="/"):
    """Return every address that has a part to fill in, filled with NUL."""
    for pattern in patterns:
        route = before + PART.sub("%00", str(pattern.pattern))
        if not isinstance(pattern, URLPattern):
            yield from addresses(pattern.url_patterns, route)
        elif "%00" in route:
            yield route


def test_no_address_brings_a_nul_to_the_database(admin_client):
    """PostgreSQL can't store one, and its driver raises what would be our failure."""
    answers = {
        address: admin_client.get(address).status_code
        for address in addresses(get_resolver().url_patterns)
    }

    assert len(answers) > 20
    assert {address for address, status in answers.items() if status >= 500} == set()


def test_no_list_of_the_admin_brings_a_nul_to_the_database(admin_client, rf, admin_user):
    request = rf.get("/")
    request.user = admin_user

    asked = 0
    for model, model_admin in admin.site._registry.items():
        where = reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist")
        changes = model_admin.get_changelist_instance(request)
        specs = changes.get_filters(request)[0]
        names = {
            "q",
            "o",
            "p",
            "e",
            "pk",
            *(name for spec in specs for name in spec.expected_parameters()),
        }
        for name in names:
            asked += 1
            assert admin_client.get(where, {name: "\x00"}).status_code < 500, (where, name)

    assert asked > 60
