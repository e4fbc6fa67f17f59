"""The admin: every list and every form of every table, in the light and in the dark."""

import pytest
from django.contrib import admin
from django.urls import reverse

from notes.models import PortNote
from tests.browser.checks import axe_in_schemes

admin.autodiscover()
TABLES = sorted(admin.site._registry, key=lambda model: model._meta.label)


def addresses(model, request_of_admin):
    """Return the pages that the administrator has about a table that holds a row."""
    name = f"admin:{model._meta.app_label}_{model._meta.model_name}"
    row = [model.objects.first().pk]
    registered = admin.site._registry[model]
    yield reverse(f"{name}_changelist")
    yield reverse(f"{name}_change", args=row)
    if registered.has_add_permission(request_of_admin):
        yield reverse(f"{name}_add")
    if registered.has_delete_permission(request_of_admin):
        yield reverse(f"{name}_delete", args=row)


@pytest.mark.parametrize("model", TABLES, ids=lambda model: model._meta.label)
def test_everybody_can_use_the_admin_of_a_table(model, fleet, signed_in, rf, admin_user):
    fleet.one_of_each()
    request = rf.get("/")
    request.user = admin_user

    found = []
    for address in addresses(model, request):
        signed_in.goto(address)
        found += [f"{address}: {finding}" for finding in axe_in_schemes(signed_in)]

    assert found == [], "\n".join(found)


@pytest.mark.parametrize(
    "address",
    [
        "/admin/",
        "/admin/password_change/",
        "/admin/auth/user/{user}/password/",
        "/admin/notes/portnote/{note}/history/",
    ],
)
def test_everybody_can_use_the_rest_of_the_admin(address, fleet, signed_in, admin_user):
    fleet.one_of_each()
    note = PortNote.objects.first()

    signed_in.goto(address.format(user=admin_user.pk, note=note.pk))

    found = axe_in_schemes(signed_in)
    assert found == [], "\n".join(found)
