"""`/agent.pyz`: who gets the agent, and what others are told."""

import pytest
import time_machine
from django.contrib.auth.models import Group
from django.test import Client

from collector.agent.archive import build
from portatlas.api.problem_types import BY_NAME
from portatlas.fleet.enrolment import enrol
from portatlas.tokens import services
from portatlas.tokens.authentication import REFUSED
from tests.conftest import NOON

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _noon():
    with time_machine.travel(NOON, tick=False):
        yield


FILE = "/agent.pyz"


def bearer(token):
    return {"authorization": f"Bearer {token.secret}"}


def test_the_agent_is_for_who_shows_a_token_or_may_add_hosts(client, admin_client, admin_user):
    token = enrol(admin_user, "web-1", at=NOON)

    answers = [client.get(FILE, headers=bearer(token)), admin_client.get(FILE)]

    assert [answer.status_code for answer in answers] == [200, 200]
    assert {answer.content for answer in answers} == {build()}
    assert answers[0]["Content-Type"] == "application/zip"
    assert answers[0]["Content-Disposition"] == 'attachment; filename="portatlas-agent.pyz"'


def test_who_has_the_agent_is_not_sent_it_again(client, admin_user):
    token = enrol(admin_user, "web-1", at=NOON)
    etag = client.get(FILE, headers=bearer(token))["ETag"]

    again = client.get(FILE, headers=bearer(token) | {"if-none-match": etag})

    assert (again.status_code, again.content, again["ETag"]) == (304, b"", etag)


def text_of(response):
    return response.status_code, response["Content-Type"], response.text


PLAIN = "text/plain; charset=utf-8"


@pytest.fixture
def with_scopes():
    """Return a function that makes a token of a user, and keeps its secret."""

    def with_scopes(user, *scopes):
        token, token.secret = services.make(user, name="Mine", scopes=scopes, at=NOON)
        return token

    return with_scopes


def test_nobody_else_gets_the_agent(client, with_scopes, admin_user, django_user_model):
    revoked, live = enrol(admin_user, "web-1", at=NOON), enrol(admin_user, "web-2", at=NOON)
    services.revoke(revoked, at=NOON)
    viewer = django_user_model.objects.create_user("viewer")
    viewer.groups.add(Group.objects.get(name="viewer"))
    client.force_login(viewer)
    stranger, bring = Client(), with_scopes(viewer, "sweeps:write")

    answers = [
        text_of(stranger.get(FILE)),
        text_of(stranger.get(FILE, headers=bearer(revoked))),
        text_of(stranger.get(FILE, headers={"authorization": "Bearer \x7f"})),
        text_of(stranger.get(FILE, headers=bearer(with_scopes(admin_user, "read")))),
        text_of(stranger.get(FILE, headers=bearer(bring))),
        text_of(client.get(FILE)),
        text_of(stranger.post(FILE, headers=bearer(live))),
    ]

    lacks = "This token lacks the scope sweeps:write, or its user may not.\n"
    assert answers == [
        (
            401,
            PLAIN,
            f"Authentication credentials were not provided. {BY_NAME['unauthenticated'].meaning}\n",
        ),
        (401, PLAIN, f"{REFUSED}\n"),
        (401, PLAIN, f"{REFUSED}\n"),
        (403, PLAIN, lacks),
        (403, PLAIN, lacks),
        (403, PLAIN, "You may not add hosts.\n"),
        (405, PLAIN, f'Method "POST" not allowed. {BY_NAME["method-not-allowed"].meaning}\n'),
    ]


def test_the_agent_costs_one_statement(client, admin_user, django_assert_num_queries):
    token = enrol(admin_user, "web-1", at=NOON)
    services.use(token, at=NOON)

    with django_assert_num_queries(1):
        client.get(FILE, headers=bearer(token))


def test_a_revoked_agent_is_refused(client, admin_client, admin_user):
    token = enrol(admin_user, "web-1", at=NOON)

    admin_client.post(f"/admin/tokens/token/{token.pk}/revoke/")

    sweep = client.post(
        "/api/v1/sweeps/", {}, content_type="application/json", headers=bearer(token)
    )
    assert sweep.status_code == 401
