"""Adding a host: who may, the command that makes it report, and whether it does."""

from datetime import timedelta

import pytest
import time_machine
from django.core.exceptions import ValidationError

from collector.models import Host
from portatlas.fleet.enrolment import enrol
from portatlas.fleet.sighting import Sighting
from portatlas.tokens import services
from portatlas.tokens.models import Token
from portatlas.tokens.scopes import Scope
from tests.conftest import NOON

pytestmark = pytest.mark.django_db

SECOND = timedelta(seconds=1)
ADD = "/admin/collector/host/enrol/"
OF_WEB = f"{ADD}web-1/"


@pytest.fixture(autouse=True)
def clock():
    with time_machine.travel(NOON, tick=False) as clock:
        yield clock


def secret_in(response):
    return response.context["token"].secret


@pytest.mark.parametrize(("group", "status"), [("viewer", 403), ("annotator", 403), ("admin", 200)])
def test_administrators_alone_add_hosts(group, status, member, django_user_model):
    client = member(group)
    enrol(django_user_model.objects.get(), "web-1", at=NOON)

    pages = [
        client.get(ADD),
        client.post(ADD, {"host_id": "web-2"}),
        client.get(OF_WEB),
        client.get(f"{OF_WEB}again/"),
        client.post(f"{OF_WEB}again/"),
        client.get(f"{OF_WEB}sighting/"),
    ]
    offers = [client.get(page).text for page in ("/", "/hosts/", "/admin/collector/host/")]

    assert {page.status_code for page in pages} == {status}
    assert [f'href="{ADD}"' in text for text in offers] == [status == 200] * 3
    assert Token.objects.count() == (3 if status == 200 else 1)


def test_nobody_adds_hosts_without_logging_in(client):
    assert client.get(ADD).url == f"/login/?next={ADD}"


def test_a_host_gets_a_token_that_brings_its_sweeps_alone(admin_client, admin_user):
    page = admin_client.post(ADD, {"host_id": "web-1"})

    token = Token.objects.get()
    assert (token.name, token.user, token.scopes) == (
        "Agent on web-1",
        admin_user,
        ["sweeps:write"],
    )
    assert (token.may_bring("web-1"), token.may_bring("web-2")) == (True, False)
    assert page.text.count(secret_in(page)) == 1
    assert secret_in(page) not in admin_client.get(OF_WEB).text
    assert "no-store" in page["Cache-Control"]


def test_a_name_that_is_as_long_as_can_be_has_a_token_of_its_own(admin_client):
    for end in "ab":
        admin_client.post(ADD, {"host_id": "w" * 63 + end})

    assert len({token.name for token in Token.objects.all()}) == 2


@pytest.mark.parametrize(
    ("host_id", "why"),
    [
        ("", "This field is required."),
        ("*", "A host is named by letters"),
        ("a b", "A host is named by letters"),
        ("-x", "A host is named by letters"),
        ("x" * 65, "at most 64 characters"),
        ("web\x00", "Null characters are not allowed"),
        ("$(reboot)", "A host is named by letters"),
        ("hub", "This machine is looked at already"),
        ("saved", "This host is known by saved output"),
        ("web-1", "This host has a token already"),
    ],
)
def test_a_host_that_can_not_be_added_is_told_why(
    host_id, why, admin_client, admin_user, add_host, settings
):
    settings.PORTATLAS_HOST_ID = "hub"
    add_host("saved", source="file")
    enrol(admin_user, "web-1", at=NOON)

    page = admin_client.post(ADD, {"host_id": host_id})

    assert why in page.text
    assert Token.objects.count() == 1


def test_who_is_told_of_a_token_is_led_to_it(admin_client, admin_user):
    enrol(admin_user, "web-1", at=NOON)

    assert f'href="{OF_WEB}"' in admin_client.post(ADD, {"host_id": "web-1"}).text


def test_what_changed_since_the_form_was_right_is_told(admin_client, admin_user):
    services.make(admin_user, name="Agent on web-1", scopes=[Scope.READ], at=NOON)

    page = admin_client.post(ADD, {"host_id": "web-1"})

    assert "You have a token of this name" in page.text
    assert Token.objects.count() == 1


def test_a_new_command_that_can_not_be_made_asks_the_same_again(
    admin_client, admin_user, add_host, django_user_model
):
    add_host("web-1", machine_id="old")
    enrol(django_user_model.objects.create_superuser("bob"), "web-1", at=NOON)
    services.make(admin_user, name="Agent on web-1", scopes=[Scope.READ], at=NOON)

    asked, page = (ask(f"{OF_WEB}again/") for ask in (admin_client.get, admin_client.post))

    assert "You have a token of this name" in page.text
    told = [
        (answer.context["title"], answer.context["token"].user.username) for answer in (asked, page)
    ]
    assert told == [("A new command for web-1", "bob")] * 2
    assert "Another machine is to have this name" in page.text


def test_a_new_command_revokes_the_old_token(admin_client, admin_user, add_host):
    add_host("web-1", machine_id="old")
    old = enrol(admin_user, "web-1", at=NOON - timedelta(days=1))

    asked = admin_client.get(f"{OF_WEB}again/")
    made = admin_client.post(f"{OF_WEB}again/")

    old.refresh_from_db()
    assert f"“{old}” of admin is revoked by that." in asked.text
    assert old.revoked_at == NOON
    assert Token.objects.get(revoked_at=None) == made.context["token"]
    assert Host.objects.get().machine_id == "old"


def test_another_machine_gets_the_name_if_somebody_says_so(admin_client, admin_user, add_host):
    add_host("web-1", machine_id="old", refused_at=NOON, refused_reason="Another machine.")
    enrol(admin_user, "web-1", at=NOON)

    admin_client.post(f"{OF_WEB}again/", {"is_other_machine": "on"})

    host = Host.objects.get()
    assert (host.machine_id, host.refused_at, host.refused_reason) == ("", None, "")


def test_what_can_not_be_made_revokes_nothing(admin_user, django_user_model):
    old = enrol(admin_user, "web-1", at=NOON)
    gone = django_user_model.objects.create_user("gone", is_active=False)

    with pytest.raises(ValidationError, match="not active"):
        enrol(gone, "web-1", at=NOON)

    old.refresh_from_db()
    assert old.revoked_at is None


def test_the_page_of_an_agent_shows_its_tokens_and_how_to_end_them(admin_client, admin_user, clock):
    token = enrol(admin_user, "web-1", at=NOON)
    services.use(token, at=NOON + SECOND)
    clock.shift(3 * SECOND)

    text = admin_client.get(OF_WEB).text

    assert "Agent on web-1" in text
    assert "2026-01-01 12:00:01" in text
    assert f'href="/admin/tokens/token/{token.pk}/revoke/"' in text
    assert "Its token was shown 2 s ago, but no sweep has come yet." in text


def test_a_host_that_nobody_knows_has_no_agent(admin_client):
    pages = [admin_client.get(f"{OF_WEB}{page}") for page in ("", "again/", "sighting/")]

    assert [page.status_code for page in pages] == [404, 404, 404]


def test_the_machine_that_looks_at_itself_needs_none(admin_client, add_host, settings):
    settings.PORTATLAS_HOST_ID = "atlas"
    add_host()

    text = admin_client.get(f"{ADD}atlas/").text

    assert "Port Atlas looks at atlas itself" in text
    assert "again/" not in text
    assert "machine/" not in text


def test_a_machine_to_which_port_atlas_has_moved_gets_the_name(admin_client, add_host, settings):
    settings.PORTATLAS_HOST_ID = "atlas"
    add_host(machine_id="old", refused_at=NOON, refused_reason="Another machine.")
    page = f"{ADD}atlas/machine/"

    told = admin_client.get(f"{ADD}atlas/").text
    asked = admin_client.get(page)
    before = Host.objects.get().machine_id
    done = admin_client.post(page, follow=True)

    assert ("Another machine." in told, f'href="{page}"' in told) == (True, True)
    assert ("Yes, this is atlas now" in asked.text, before) == (True, "old")
    assert "The next look at this machine is recorded as atlas." in done.text
    assert (Host.objects.get().machine_id, Host.objects.get().refused_at) == ("", None)
    assert not Token.objects.exists()


def test_who_may_not_enrol_lets_no_machine_have_a_name(member, add_host, settings):
    settings.PORTATLAS_HOST_ID = "atlas"
    add_host(machine_id="old")

    assert member("annotator").post(f"{ADD}atlas/machine/").status_code == 403
    assert Host.objects.get().machine_id == "old"


def test_the_name_of_a_host_with_an_agent_passes_on_by_a_command_alone(admin_client, add_host):
    add_host("web-1", machine_id="old")

    assert admin_client.post(f"{OF_WEB}machine/").status_code == 404
    assert Host.objects.get().machine_id == "old"


@pytest.mark.parametrize(
    ("host", "token", "state"),
    [
        (None, {}, "waiting"),
        (None, {"last_used_at": NOON}, "shown"),
        ({"last_look_at": NOON + SECOND}, {}, "came"),
        # Its clock is behind.
        ({"last_look_at": NOON - 9 * SECOND, "clock_ahead": -10}, {"last_used_at": NOON}, "came"),
        # It was seen by its old token, and never since.
        ({"last_look_at": NOON - 9 * SECOND}, {}, "waiting"),
        ({"last_look_at": NOON - 9 * SECOND}, {"last_used_at": NOON}, "shown"),
        (
            {"last_look_at": NOON - SECOND, "refused_at": NOON, "refused_reason": "No."},
            {},
            "refused",
        ),
        ({"last_look_at": NOON + SECOND, "refused_at": NOON, "refused_reason": "No."}, {}, "came"),
        (None, {"expiry": NOON + SECOND}, "closed"),
        (None, {"revoked_at": NOON}, "closed"),
    ],
)
def test_how_far_a_host_has_got(host, token, state, add_host, admin_user):
    made = enrol(admin_user, "web-1", at=NOON)
    for name, value in token.items():
        setattr(made, name, value)

    found = Sighting.of(add_host("web-1", **host) if host else None, made, NOON + 2 * SECOND)

    assert (found.state, found.is_over) == (state, state in {"came", "closed"})


def test_a_host_whose_clock_is_behind_is_not_told_that_no_sweep_has_come(add_host, admin_user):
    token = enrol(admin_user, "web-1", at=NOON)
    services.use(token, at=NOON + SECOND)
    host = add_host("web-1", last_look_at=NOON - 120 * SECOND)

    found = Sighting.of(host, token, NOON + 2 * SECOND)

    assert (
        found.says == "Its token was shown 1 s ago; the last sweep that came was taken 2 min ago."
    )


def test_of_a_host_that_has_fallen_silent_nobody_says_that_sweeps_come(add_host, admin_user):
    token = enrol(admin_user, "web-1", at=NOON - 60 * SECOND)

    found = Sighting.of(add_host("web-1", last_look_at=NOON), token, NOON + 46 * SECOND)

    assert (found.state, found.is_over) == ("silent", False)
    assert found.says == "It has been silent since 12:00 UTC, 46 s ago."


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"revoked_at": NOON}, "was revoked 2 s ago"),
        ({"expiry": NOON + SECOND}, "expired 1 s ago"),
        ({"is_active": False}, "is of admin, whose account is switched off"),
    ],
)
def test_a_token_that_lets_nobody_in_says_why(change, why, admin_client, admin_user, clock):
    enrol(admin_user, "web-1", at=NOON - SECOND)
    if "is_active" in change:
        other = type(admin_user).objects.create_superuser("boss")
        type(admin_user).objects.filter(pk=admin_user.pk).update(**change)
        admin_client.force_login(other)
    else:
        Token.objects.update(**change)
    clock.shift(2 * SECOND)

    pages = [admin_client.get(f"{OF_WEB}{page}").text for page in ("", "sighting/")]

    told = f"Its token {why}: its agent is refused until a new command was pasted."
    assert [told in page for page in pages] == [True, True]


@pytest.mark.parametrize(("minutes", "is_told"), [(59, True), (61, False)])
def test_what_is_refused_while_sweeps_come_is_told_for_a_while(
    minutes, is_told, add_host, admin_user
):
    """As where a second machine tries again every few minutes, and the right one each time."""
    token = enrol(admin_user, "web-1", at=NOON)
    now = NOON + timedelta(minutes=minutes)
    host = add_host("web-1", last_look_at=now, refused_at=NOON, refused_reason="Another machine.")

    found = Sighting.of(host, token, now)

    refused = f" A sweep was refused {minutes} min ago: Another machine." if is_told else ""
    assert found.says == f"Its sweeps come: the last one 0 s ago.{refused}"


@pytest.mark.parametrize("count", [1, 3])
@pytest.mark.parametrize(
    ("address", "queries"),
    [
        (ADD, 2),  # session, user
        (OF_WEB, 4),  # ... host, tokens with their users
        (f"{OF_WEB}again/", 5),  # ... host, token, its user
        (f"{OF_WEB}sighting/", 4),  # ... host, token
    ],
)
def test_query_count_does_not_grow(
    address, queries, count, admin_client, admin_user, add_host, django_assert_num_queries
):
    add_host("web-1")
    for number in range(count):
        enrol(admin_user, "web-1", at=NOON + number * SECOND)
        enrol(admin_user, f"other-{number}", at=NOON)

    with django_assert_num_queries(queries):
        response = admin_client.get(address)

    assert response.status_code == 200
