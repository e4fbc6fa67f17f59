"""What import-linter cannot see: models, migrations and the shared key."""

import re

import pytest
from django.apps import apps
from django.core.management import call_command
from django.db.migrations.loader import MigrationLoader

from collector import sweep
from collector.models import PortRuntime
from notes.models import EVERY_HOST, PortNote, host_name
from portatlas.models import KEY

CONTEXTS = {"collector", "notes", "reservations"}


@pytest.mark.parametrize("name", KEY)
def test_both_sides_define_the_key_alike(name):
    """The soft join is a promise; this is where it is kept."""
    runtime, note = (model._meta.get_field(name) for model in (PortRuntime, PortNote))
    column = getattr(runtime, "target_field", runtime)

    assert (column.get_internal_type(), column.max_length) == (
        note.get_internal_type(),
        note.max_length,
    )


def test_both_sides_know_the_same_protocols_and_scopes():
    assert PortNote.Protocol.values == list(sweep.Protocol)
    assert PortNote.ExpectedScope.values == list(sweep.Scope)


@pytest.mark.parametrize(
    ("name", "fits"),
    [("atlas-1.example.org:a_b", True), ("", False), ("**", False), ("a/b", False), ("..", False)],
)
def test_both_sides_accept_the_same_host_names(name, fits):
    """The 64 characters are the column's."""
    assert bool(re.fullmatch(sweep.HOST_ID, name)) == bool(host_name.regex.search(name)) == fits


def test_every_host_is_a_name_that_no_host_can_have():
    assert host_name.regex.search(EVERY_HOST)
    assert not re.fullmatch(sweep.HOST_ID, EVERY_HOST)


@pytest.mark.parametrize("model", [PortRuntime, PortNote])
def test_the_key_is_unique(model):
    columns = {
        tuple(model._meta.get_field(name).attname for name in constraint.fields)
        for constraint in model._meta.total_unique_constraints
    }

    assert KEY in columns


def test_no_context_relates_to_another():
    edges = {
        (model._meta.app_label, field.related_model._meta.app_label)
        for model in apps.get_models()
        if model._meta.app_label in CONTEXTS
        for field in model._meta.get_fields()
        if field.is_relation and field.related_model
    }

    assert {(a, b) for a, b in edges if a != b and b in CONTEXTS} == set()


def test_no_migration_crosses_a_boundary():
    graph = MigrationLoader(None).disk_migrations

    crossings = {
        (app, dependency[0])
        for (app, _name), migration in graph.items()
        if app in CONTEXTS
        for dependency in migration.dependencies
        if dependency[0] in CONTEXTS - {app}
    }

    assert crossings == set()


@pytest.mark.django_db
def test_no_migration_is_missing():
    call_command("makemigrations", check=True, dry_run=True, verbosity=0)
