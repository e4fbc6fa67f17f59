"""The button that has this machine looked at."""

import pytest
from django.contrib.auth.models import Group

from collector.asking import Answer
from collector.sweep import Verdict
from portatlas.admin import facts

LOOK = "/admin/collector/host/look/"
HOSTS = "/admin/collector/host/"


@pytest.fixture
def answers(monkeypatch):
    """Put an answer in the place of the worker's, whose own test is that of asking; tell who was
    asked about."""
    asked = []

    def answer_with(answer):
        monkeypatch.setattr(
            facts.asking, "ask", lambda host_id, *, patience: asked.append(host_id) or answer
        )
        return asked

    return answer_with


def told(client):
    response = client.get(HOSTS)
    return [(message.level_tag, str(message)) for message in response.context["messages"]]


def test_the_outcome_of_a_look_is_told(admin_client, answers, settings):
    settings.PORTATLAS_HOST_ID = "atlas"
    asked = answers(Answer("Looked: 2 appeared.", verdict=Verdict.COMPLETE))

    response = admin_client.post(LOOK, {"host": "another"})

    assert response["Location"] == HOSTS
    assert asked == ["atlas"]
    assert told(admin_client) == [("success", "atlas: Looked: 2 appeared.")]


def test_that_nobody_looked_is_told_as_an_error(admin_client, answers, settings):
    settings.PORTATLAS_HOST_ID = "atlas"
    answers(Answer("Nobody looked within 10 s."))

    response = admin_client.post(LOOK, {"from": "index"})

    assert response["Location"] == "/admin/"
    assert told(admin_client) == [("error", "atlas: Nobody looked within 10 s.")]


def test_nobody_is_made_to_look_by_a_link(admin_client, answers):
    asked = answers(Answer(""))

    assert admin_client.get(LOOK).status_code == 405
    assert asked == []


def test_who_may_not_write_notes_may_not_ask(client, django_user_model, answers):
    asked = answers(Answer(""))
    viewer = django_user_model.objects.create_user("viewer", is_staff=True)
    viewer.groups.add(Group.objects.get(name="viewer"))
    client.force_login(viewer)

    assert client.post(LOOK).status_code == 403
    assert "Collect now" not in client.get(HOSTS).text
    assert asked == []
