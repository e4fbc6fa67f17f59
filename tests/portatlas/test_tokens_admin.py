"""Tokens in the admin: shown once, revoked after a question, and everybody sees his own."""

import re
from datetime import timedelta

import pytest
import time_machine
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Group, Permission
from django.contrib.contenttypes.models import ContentType

from portatlas.tokens import services
from portatlas.tokens.forms import TokenForm
from portatlas.tokens.models import Token
from tests.conftest import NOON

LIST, ADD = "/admin/tokens/token/", "/admin/tokens/token/add/"


@pytest.fixture(autouse=True)
def _noon():
    with time_machine.travel(NOON, tick=False):
        yield


@pytest.fixture
def member(client, django_user_model):
    """Return a function that logs in a member of a group, who may enter the admin."""

    def member(group="viewer", *permissions):
        user = django_user_model.objects.create_user(f"one-{group}", is_staff=True)
        user.groups.add(Group.objects.get(name=group))
        user.user_permissions.add(*Permission.objects.filter(codename__in=permissions))
        client.force_login(user)
        return user

    return member


def form(user, **fields):
    return {"user": user.pk, "name": "Grafana", "scopes": ["read"], "lives": "1y"} | fields


def make(user, name="Grafana", **fields):
    return services.make(user, name=name, scopes=["read"], at=NOON, **fields)[0]


def test_a_secret_is_shown_once(client, member):
    page = client.post(ADD, form(member()))

    [secret] = set(re.findall(r"atlas_[0-9a-f]{64}", page.text))
    again = [
        client.get(address).text
        for address in (LIST, f"{LIST}{Token.objects.get().pk}/change/", "/admin/")
    ]
    assert (page.status_code, page.templates[0].name) == (200, "admin/tokens/token/made.html")
    assert "no-store" in page["Cache-Control"]
    assert [text for text in again if secret in text] == []
    assert secret not in str(dict(client.session)) + str(client.cookies)
    assert secret not in str(LogEntry.objects.values())
    used = client.get("/api/v1/ports/", headers={"authorization": f"Bearer {secret}"})
    assert used.status_code == 200


def test_a_page_that_is_sent_twice_makes_one_token(client, member):
    user = member()
    client.post(ADD, form(user))

    again = client.post(ADD, form(user))

    assert "You have a token of this name that is not revoked" in again.text
    assert Token.objects.count() == 1


@pytest.mark.parametrize(
    ("lives", "days"), [("30d", 30), ("90d", 90), ("1y", 365), ("never", None)]
)
def test_how_long_it_lives_is_chosen(lives, days, client, member):
    client.post(ADD, form(member(), lives=lives))

    assert Token.objects.get().expiry == (days and NOON + timedelta(days=days))


def test_the_form_says_what_each_scope_means_and_ticks_none(client, member):
    member()

    text = client.get(ADD).text

    assert "read: see ports, notes, events and hosts" in text
    assert "sweeps:write: bring the sweeps of a host" in text
    assert "checked" not in text
    assert '<option value="1y" selected>a year</option>' in text


@pytest.mark.parametrize(
    "wrong",
    [
        {"scopes": []},
        {"scopes": ["write"]},
        {"name": ""},
        {"name": "nul \x00"},
        {"name": "x" * 61},
        {"host_id": "atlas"},
        {"host_id": "a/b", "scopes": ["sweeps:write"]},
        {"lives": "soon"},
        {"user": "99999999999999999999"},
    ],
)
def test_a_wrong_form_is_shown_again(wrong, client, member):
    page = client.post(ADD, form(member()) | wrong)

    assert (page.status_code, "errornote" in page.text) == (200, True)
    assert Token.objects.count() == 0


def test_what_changed_since_the_form_was_right_is_told(client, member, monkeypatch):
    user = member()
    make(user)
    monkeypatch.setattr(TokenForm, "clean", lambda self: self.cleaned_data)

    page = client.post(ADD, form(user), follow=True)

    assert "You have a token of this name" in page.text
    assert Token.objects.count() == 1


@pytest.mark.parametrize("group", ["viewer", "annotator"])
def test_everybody_sees_and_revokes_his_own_only(group, client, member, admin_user):
    own, other = make(member(group), "Own"), make(admin_user, "Other")

    listed = client.get(LIST).text
    pages = [
        client.get(f"{LIST}{token.pk}/{page}/").status_code
        for token in (own, other)
        for page in ("change", "revoke")
    ]
    client.post(f"{LIST}{other.pk}/revoke/")
    client.post(f"{LIST}{own.pk}/revoke/")

    assert ("Own" in listed, "Other" in listed) == (True, False)
    assert pages == [200, 200, 302, 302]
    assert [token.name for token in Token.objects.exclude(revoked_at=None)] == ["Own"]


def test_administrators_see_and_revoke_all(client, member, admin_user):
    member("admin")
    other = make(admin_user, "Other")

    listed = client.get(LIST).text
    client.post(f"{LIST}{other.pk}/revoke/")

    assert "Other" in listed
    assert Token.objects.get().revoked_at == NOON


@pytest.mark.parametrize(
    ("group", "permissions", "made"),
    [
        ("viewer", [], 0),
        ("viewer", ["manage_tokens"], 0),
        ("viewer", ["change_user"], 0),
        ("viewer", ["manage_tokens", "change_user"], 1),
        ("admin", [], 1),
    ],
)
def test_who_makes_tokens_in_the_name_of_others(
    group, permissions, made, client, member, admin_user
):
    member(group, *permissions)

    client.post(ADD, form(admin_user))

    assert Token.objects.filter(user=admin_user).count() == made


def test_who_has_no_permission_for_tokens_has_no_pages(client, django_user_model):
    clerk = django_user_model.objects.create_user("clerk", is_staff=True)
    client.force_login(clerk)
    token = make(clerk)

    statuses = [
        client.get(address).status_code
        for address in (LIST, ADD, f"{LIST}{token.pk}/change/", f"{LIST}{token.pk}/revoke/")
    ]

    assert statuses == [403, 403, 403, 403]


def test_a_token_is_revoked_only_after_a_question(client, member):
    token = make(member())

    page = client.get(f"{LIST}{token.pk}/revoke/")
    before = Token.objects.get().revoked_at
    told = client.post(f"{LIST}{token.pk}/revoke/", follow=True)
    again = client.post(f"{LIST}{token.pk}/revoke/", follow=True)

    assert ("is refused from then on" in page.text, before) == (True, None)
    assert Token.objects.get().revoked_at == NOON
    assert f"{token} is revoked." in told.text
    assert "was revoked before" in again.text
    assert LogEntry.objects.get().change_message == "Revoked."


def test_a_token_can_not_be_changed_and_the_page_says_why(client, member):
    token = make(member("admin"))

    page = client.get(f"{LIST}{token.pk}/change/")
    response = client.post(f"{LIST}{token.pk}/change/", {"name": "More", "scopes": ["admin"]})

    assert "can't be changed: whoever holds it would get more" in page.text.replace("&#x27;", "'")
    assert response.status_code == 403
    assert Token.objects.get().scopes == ["read"]


def test_nobody_sees_a_digest(admin_client, admin_user):
    token = make(admin_user)

    pages = [LIST, f"{LIST}{token.pk}/change/", f"{LIST}{token.pk}/revoke/"]
    texts = "".join(admin_client.get(page).text for page in pages)
    asked = admin_client.get(f"{LIST}?digest__startswith={token.digest[:3]}")

    assert token.digest not in texts
    assert asked.status_code == 400


def test_a_user_is_deleted_with_his_tokens(client, member, django_user_model):
    member("admin")
    bob = django_user_model.objects.create_user("bob")
    make(bob)

    client.post(f"/admin/auth/user/{bob.pk}/delete/", {"post": "yes"})

    assert Token.objects.count() == 0


@pytest.mark.parametrize(
    ("state", "names"), [("live", ["Live"]), ("expired", ["Old"]), ("revoked", ["Shut"])]
)
def test_the_list_is_filtered_by_state(state, names, admin_client, admin_user):
    make(admin_user, "Live")
    make(admin_user, "Old", expiry=NOON + timedelta(seconds=1))
    services.revoke(make(admin_user, "Shut"), at=NOON)

    with time_machine.travel(NOON + timedelta(minutes=1), tick=False):
        listed = admin_client.get(f"{LIST}?state={state}").context["cl"].result_list

    assert [token.name for token in listed] == names


@pytest.mark.parametrize("count", [1, 3])
@pytest.mark.parametrize(
    ("address", "queries"),
    [
        (LIST, 4),  # session, user, count, rows with their users
        (f"{LIST}{{pk}}/change/", 5),  # ... token, its user, content type
        (f"{LIST}{{pk}}/revoke/", 4),  # ... token, its user
        (ADD, 4),  # ... users, twice: the box asks first whether it can be required
    ],
)
def test_query_count_does_not_grow(
    address, queries, count, admin_client, django_user_model, django_assert_num_queries
):
    for number in range(count):
        token = make(django_user_model.objects.create_user(f"user-{number}"))
    ContentType.objects.clear_cache()

    with django_assert_num_queries(queries):
        response = admin_client.get(address.format(pk=token.pk))

    assert response.status_code == 200
