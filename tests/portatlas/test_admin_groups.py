"""Three groups, made by a migration: who reads, who writes notes, who runs the installation."""

import importlib
from types import SimpleNamespace

import pytest
from django.apps import apps
from django.contrib.auth.models import Group, Permission
from django.db import connection
from django_celery_beat.models import ClockedSchedule

from notes.models import PortNote

groups = importlib.import_module("portatlas.migrations.0003_groups")
EDITOR = SimpleNamespace(connection=connection)  # of a schema that stays as it is
AT = "2027-01-01T12:30:00"
KEY = {"host_id": "atlas", "protocol": "tcp", "port": 80}


SEES = [
    "/",
    "/ports/atlas/tcp/80/",
    "/hosts/",
    "/changes/",
    "/admin/",
    "/admin/portatlas/port/",
    "/admin/portatlas/port/export/",
    "/admin/portatlas/savedview/",
    "/admin/notes/portnote/",
    "/admin/collector/host/",
    "/admin/collector/portevent/",
    "/admin/collector/hostevent/",
    "/admin/collector/coverage/",
    "/admin/collector/transient/",
    "/api/v1/ports/",
    "/api/v1/notes/",
]


@pytest.mark.parametrize("group", ["viewer", "annotator", "admin"])
@pytest.mark.parametrize("page", SEES)
def test_every_group_reads(page, group, member, open_port, write_note):
    open_port(80)
    write_note(80)

    assert member(group).get(page).status_code == 200


RUNS = [
    "/admin/auth/user/",
    "/admin/auth/user/add/",
    "/admin/auth/group/",
    "/admin/django_celery_beat/periodictask/",
    "/admin/django_celery_beat/intervalschedule/",
    "/admin/portatlas/savedview/add/",
]


@pytest.mark.parametrize(("group", "status"), [("viewer", 403), ("annotator", 403), ("admin", 200)])
@pytest.mark.parametrize("page", RUNS)
def test_administrators_alone_run_the_installation(page, group, status, member):
    assert member(group).get(page).status_code == status


@pytest.mark.parametrize(
    ("group", "may"), [("viewer", False), ("annotator", True), ("admin", True)]
)
def test_who_writes_notes(group, may, member):
    client = member(group)
    form = KEY | {"title": "Shop", "risk_level": "trusted", "service_type": "web"}

    in_admin = client.post("/admin/notes/portnote/add/", form)
    by_api = client.post("/api/v1/notes/", form | {"port": 81}, content_type="application/json")
    at_once = client.post(
        "/admin/notes/portnote/annotate/", {"key": "atlas/tcp/82", "owner": "bob"}
    )

    statuses = (in_admin.status_code, by_api.status_code, at_once.status_code)
    assert statuses == ((302, 201, 302) if may else (403, 403, 403))
    assert PortNote.objects.count() == (3 if may else 0)


@pytest.mark.parametrize(
    ("group", "may"), [("viewer", False), ("annotator", True), ("admin", True)]
)
def test_who_changes_notes(group, may, member, write_note):
    client, note = member(group), write_note(80)

    page = client.get(f"/admin/notes/portnote/{note.pk}/change/")
    by_api = client.patch(
        "/api/v1/notes/atlas/tcp/80/", {"title": "Shop"}, content_type="application/json"
    )

    assert ('name="_save"' in page.text) == may
    assert by_api.status_code == (200 if may else 403)


@pytest.mark.parametrize(
    ("group", "may"), [("viewer", False), ("annotator", True), ("admin", True)]
)
def test_who_brings_back_an_earlier_version_of_a_note(group, may, member, write_note):
    client, note = member(group), write_note(80, title="Shop")
    address = f"/admin/notes/portnote/{note.pk}/history/{note.history.get().pk}/"
    form = KEY | {"title": "Taken", "risk_level": "trusted", "service_type": "web", "seen": "1"}

    page = client.get(address)
    response = client.post(address, form)

    note.refresh_from_db()
    assert (page.status_code, response.status_code) == (200, 302 if may else 403)
    assert note.title == ("Taken" if may else "Shop")
    assert note.history.count() == (2 if may else 1)


@pytest.mark.parametrize(
    ("group", "may"), [("viewer", False), ("annotator", False), ("admin", True)]
)
def test_administrators_alone_delete_notes(group, may, member, write_note):
    client, first, second = member(group), write_note(80), write_note(81)

    in_admin = client.post(f"/admin/notes/portnote/{first.pk}/delete/", {"post": "yes"})
    by_api = client.delete(f"/api/v1/notes/atlas/tcp/{second.port}/")

    assert (in_admin.status_code, by_api.status_code) == ((302, 204) if may else (403, 403))
    assert PortNote.objects.count() == (0 if may else 2)


@pytest.mark.django_db
def test_making_the_groups_again_changes_nothing():
    before = set(Group.permissions.through.objects.values_list("group__name", "permission_id"))

    groups.make_groups(apps, EDITOR)

    after = set(Group.permissions.through.objects.values_list("group__name", "permission_id"))
    assert after == before


@pytest.mark.django_db
def test_a_group_keeps_what_an_administrator_gave_it():
    extra = Permission.objects.get(codename="delete_portnote")
    Group.objects.get(name="annotator").permissions.add(extra)

    groups.make_groups(apps, EDITOR)

    assert extra in Group.objects.get(name="annotator").permissions.all()


@pytest.mark.django_db
def test_the_groups_can_be_taken_back():
    Group.objects.create(name="others")

    groups.drop_groups(apps, EDITOR)

    assert list(Group.objects.values_list("name", flat=True)) == ["others"]


def test_when_somebody_joined_is_a_fact(member, django_user_model):
    client = member("admin")
    bob = django_user_model.objects.create_user("bob")
    form = {"username": "bob", "groups": [Group.objects.get(name="viewer").pk], "is_active": "on"}

    page = client.get(f"/admin/auth/user/{bob.pk}/change/")
    client.post(f"/admin/auth/user/{bob.pk}/change/", form | {"date_joined_0": "2001-01-01"})

    bob.refresh_from_db()
    assert 'name="date_joined' not in page.text
    assert (bob.groups.get().name, bob.date_joined.year > 2001) == ("viewer", True)


def test_a_time_of_the_schedule_is_one_field(member):
    client = member("admin")
    none_below = {"periodictask_set-TOTAL_FORMS": "0", "periodictask_set-INITIAL_FORMS": "0"}

    client.post("/admin/django_celery_beat/clockedschedule/add/", {"clocked_time": AT} | none_below)

    schedule = ClockedSchedule.objects.get()
    page = client.get(f"/admin/django_celery_beat/clockedschedule/{schedule.pk}/change/")
    assert f'value="{AT}"' in page.text
