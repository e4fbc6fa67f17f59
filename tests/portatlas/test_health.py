from datetime import timedelta

import pytest
from django.db import connection
from django.utils import timezone


def test_healthz_asks_nobody(client):
    response = client.get("/healthz")  # without the db fixture: a query would fail the test

    assert (response.status_code, response.text) == (200, "ok\n")


def test_readyz_is_ready_when_all_is_well(admin_client, add_host, settings):
    add_host(settings.PORTATLAS_HOST_ID, last_sweep_at=timezone.now())

    response = admin_client.get("/readyz")

    assert (response.status_code, set(response.json().values())) == (200, {"ok"})


@pytest.mark.parametrize(
    ("swept", "said"),
    [(None, "This host was never swept"), (timedelta(minutes=5), "The last complete sweep was at")],
)
def test_readyz_says_when_nobody_sweeps(swept, said, admin_client, add_host, settings):
    add_host(settings.PORTATLAS_HOST_ID, last_sweep_at=swept and timezone.now() - swept)

    response = admin_client.get("/readyz")

    assert response.status_code == 503
    assert response.json()["last_sweep"].startswith(said)


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"last_look_at": timedelta(hours=-1)}, "The clock was set back"),
        ({"refused_reason": "It is another machine."}, "It is another machine."),
    ],
)
def test_readyz_says_why_looks_do_not_count(fields, said, admin_client, add_host, settings):
    if "last_look_at" in fields:
        fields = {"last_look_at": timezone.now() - fields["last_look_at"]}
    add_host(settings.PORTATLAS_HOST_ID, **fields)

    response = admin_client.get("/readyz")

    assert response.status_code == 503
    assert said in response.json()["last_sweep"]


def test_readyz_says_when_a_migration_is_missing(admin_client):
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM django_migrations WHERE app = 'notes'")

    response = admin_client.get("/readyz")

    assert response.status_code == 503
    assert response.json()["migrations"] == "Some are not applied: run manage.py migrate."
