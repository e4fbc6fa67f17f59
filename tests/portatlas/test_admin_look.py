"""The button that has this machine looked at."""

import pytest
from django.contrib.auth.models import Group

from collector.models import Host
from portatlas.admin import facts
from portatlas.celery import app
from tests.tools import require

LOOK = "/admin/collector/host/look/"
HOSTS = "/admin/collector/host/"


@pytest.fixture(autouse=True)
def _queue(monkeypatch, settings, tmp_path):
    """A queue of this test, whose worker is not there."""
    settings.PORTATLAS_HOST_ID = "atlas"
    folder = tmp_path / "queue"
    monkeypatch.setitem(app.conf, "broker_url", "files://")
    monkeypatch.setitem(app.conf, "broker_transport_options", {"folder": str(folder)})
    monkeypatch.setattr(facts, "PATIENCE", 0.3)


@pytest.fixture
def _worker(monkeypatch):
    """The worker: in this process, at once, with the tools of this machine."""
    require("ss")
    monkeypatch.setitem(app.conf, "task_always_eager", True)


def told(client):
    response = client.get(HOSTS)
    return [(message.level_tag, str(message)) for message in response.context["messages"]]


@pytest.mark.usefixtures("_worker")
def test_the_outcome_of_a_look_is_told(admin_client):
    response = admin_client.post(LOOK, {"host": "another"})

    [(level, text)] = told(admin_client)
    assert response["Location"] == HOSTS
    assert (level, text[:7]) == ("success", "Looked:")
    assert [host.host_id for host in Host.objects.all()] == ["atlas"]


@pytest.mark.django_db
def test_that_nobody_looked_is_told_as_an_error(admin_client):
    response = admin_client.post(LOOK, {"from": "index"})

    [(level, text)] = told(admin_client)
    assert response["Location"] == "/admin/"
    assert (level, "Nobody looked within 0.3 s." in text) == ("error", True)


@pytest.mark.usefixtures("_worker")
def test_nobody_is_made_to_look_by_a_link(admin_client):
    assert admin_client.get(LOOK).status_code == 405
    assert not Host.objects.exists()


@pytest.mark.usefixtures("_worker")
def test_who_may_not_write_notes_may_not_ask(client, django_user_model):
    viewer = django_user_model.objects.create_user("viewer", is_staff=True)
    viewer.groups.add(Group.objects.get(name="viewer"))
    client.force_login(viewer)

    assert client.post(LOOK).status_code == 403
    assert "Collect now" not in client.get(HOSTS).text
    assert not Host.objects.exists()
