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


def test_readyz_says_when_a_migration_is_missing(admin_client):
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM django_migrations WHERE app = 'notes'")

    response = admin_client.get("/readyz")

    assert response.status_code == 503
    assert response.json()["migrations"] == "Some are not applied: run manage.py migrate."
