"""Hosts that are gone for good: their facts stay, and ask nobody to hurry."""

import json
import re
from datetime import timedelta

import pytest
import time_machine
from django.core.management import call_command

from collector import retirement
from collector.models import Host, PortRuntime
from collector.services import reconcile
from portatlas.fleet.enrolment import enrol
from tests.collector.sweeps import listener, sweep
from tests.conftest import NOON

pytestmark = pytest.mark.django_db

SECOND = timedelta(seconds=1)
DAY = timedelta(days=1)
RETIRE = "/admin/collector/host/enrol/old/retire/"


@pytest.fixture(autouse=True)
def clock():
    with time_machine.travel(NOON, tick=False) as clock:
        yield clock


@pytest.fixture
def old(add_host, open_port, write_note):
    """A host that nobody has seen for nine days, beside one that is well."""
    open_port(22, host_id="new")
    host = add_host("old", last_look_at=NOON - 9 * DAY, last_sweep_at=NOON - 9 * DAY)
    open_port(22, host_id="old", owner_state="unknown")
    open_port(80, host_id="old")
    write_note(80, host_id="old", title="Shop", risk_level="trusted")
    return host


@pytest.fixture
def retired(old):
    retirement.retire(old, at=NOON)
    return old


def words(response):
    return " ".join(re.sub("<[^>]+>", " ", response.text).replace("&#x27;", "'").split())


ONE = "1 port listening: 0 you know, 1 you don't, none is unhealthy."


def test_a_host_is_retired_after_a_question_and_its_token_with_it(admin_client, admin_user, old):
    token = enrol(admin_user, "old", at=NOON - 9 * DAY)

    asked = admin_client.get(RETIRE)
    before = Host.objects.get(pk="old").retired_at
    done = admin_client.post(RETIRE, follow=True)

    token.refresh_from_db()
    assert ("Yes, retire it" in asked.text, before) == (True, None)
    assert (Host.objects.get(pk="old").retired_at, token.revoked_at) == (NOON, NOON)
    assert "The host old is retired." in words(done)
    assert "old is retired. It is back as soon as it is seen again." in words(done)
    assert PortRuntime.objects.filter(host="old").count() == 2


@pytest.mark.parametrize("host_id", ["nobody", "hub"])
def test_what_has_no_agent_is_not_retired(host_id, admin_client, add_host, settings):
    settings.PORTATLAS_HOST_ID = "hub"
    add_host("hub")

    response = admin_client.post(f"/admin/collector/host/enrol/{host_id}/retire/")

    assert response.status_code == 404
    assert Host.objects.get().retired_at is None


def test_who_may_not_enrol_retires_nothing(client, old, django_user_model):
    user = django_user_model.objects.create_user("clerk", is_staff=True)
    client.force_login(user)

    assert client.post(RETIRE).status_code == 403
    assert Host.objects.get(pk="old").retired_at is None


def test_the_board_shows_it_only_when_it_is_chosen(admin_client, retired):
    board, chosen = admin_client.get("/"), admin_client.get("/?host=old")

    assert f"new: {ONE}" in words(board)
    assert "/ports/old/" not in board.text
    assert "Nobody has looked" not in board.text
    assert chosen.text.count('class="card card--unknown"') == 2
    assert "It is silent, and its 2 ports are unknown since" in words(chosen)


@pytest.mark.parametrize("query", ["?q=Shop", "?state=suspicious", "?group=host", "?stale=1"])
def test_no_filter_of_the_board_finds_it(query, admin_client, retired):
    assert "/ports/old/" not in admin_client.get(f"/{query}").text


def test_a_board_is_another_once_a_host_is_retired(admin_client, old):
    admin_client.get("/")
    etag = admin_client.get("/")["ETag"]

    retirement.retire(old, at=NOON)

    assert admin_client.get("/", headers={"If-None-Match": etag}).status_code == 200


def test_the_list_of_hosts_has_it_last_and_calm(admin_client, retired):
    Host.objects.filter(pk="old").update(owners_reason="Not all owners can be seen.")

    text = words(admin_client.get("/hosts/"))

    assert f"2 hosts: {ONE} No host is in trouble." in text
    assert text.index("old Retired") > text.index("new 1 to explain")


def test_its_page_says_so(admin_client, retired):
    text = words(admin_client.get("/hosts/old/"))

    assert "old was retired 0 s ago: nobody waits for it" in text
    assert "Nobody has looked at old" not in text


def test_no_count_has_it(admin_client, retired, capsys):
    summary = admin_client.get("/api/v1/summary/").json()
    flat = admin_client.get("/api/v1/summary/flat/").json()
    metrics = admin_client.get("/metrics").text
    front = words(admin_client.get("/admin/"))
    call_command("ports", "--json")
    listed = json.loads(capsys.readouterr().out)

    assert [host["host_id"] for host in summary["hosts"]] == ["new"]
    assert (summary["listening"], summary["silent"], summary["text"]) == (1, 0, ONE)
    assert summary["states"]["suspicious"] == 0
    assert (flat["hosts"], flat["hosts_silent"], flat["listening"]) == (1, 0, 1)
    assert 'host="old"' not in metrics
    assert ONE in front
    assert {port["host_id"] for port in listed} == {"new"}


def test_the_command_line_lists_it_when_it_is_named(retired, capsys):
    call_command("ports", "--host", "old", "--json")

    assert {port["host_id"] for port in json.loads(capsys.readouterr().out)} == {"old"}


def test_a_host_tells_since_when_it_is_retired(admin_client, retired):
    host = admin_client.get("/api/v1/hosts/old/").json()

    assert (host["retired_at"], host["problems"]) == ("2026-01-01T12:00:00Z", [])


def test_a_host_that_is_seen_again_is_back(admin_client, retired, clock):
    clock.shift(SECOND)
    reconcile(sweep(listener(22), host_id="old", taken_at=NOON + SECOND))

    assert "/ports/old/tcp/22/" in admin_client.get("/").text
    assert not retirement.is_retired(Host.objects.get(pk="old"))


def test_a_clock_that_is_ahead_keeps_no_host_from_being_retired(add_host):
    host = add_host("old", last_look_at=NOON + DAY)

    retirement.retire(host, at=NOON)

    assert retirement.is_retired(Host.objects.get())
