"""Tokens are made, used and revoked: what is kept of them, and what is refused."""

from datetime import UTC, datetime, timedelta

import pytest
from django.core.exceptions import ValidationError
from hypothesis import given
from hypothesis import strategies as st

from portatlas.tokens import lifetime, services
from portatlas.tokens.models import Token, TokenState
from portatlas.tokens.scopes import Scope
from tests.conftest import NOON

LATER = NOON + timedelta(days=30)


@pytest.fixture
def bob(django_user_model):
    return django_user_model.objects.create_user("bob")


@pytest.fixture
def make(bob):
    """Return a function that makes a token of bob's and returns it with its secret."""

    def make(name="Grafana", scopes=("read",), **fields):
        return services.make(bob, name=name, scopes=scopes, at=NOON, **fields)

    return make


def test_of_a_secret_nothing_but_a_digest_and_its_beginning_is_kept(make):
    token, secret = make()

    [kept] = Token.objects.values()
    assert (len(secret), secret[:15]) == (70, token.token_key)
    assert [name for name, value in kept.items() if secret[15:] in str(value)] == []


def test_two_secrets_differ(make):
    assert make("one")[1] != make("two")[1]


def test_a_token_keeps_what_it_was_made_with(make, bob):
    token, _secret = make(scopes=["read", "sweeps:write"], expiry=LATER, host_id="atlas")

    kept = Token.objects.get()
    assert (kept.user, kept.name, kept.scopes) == (bob, "Grafana", ["read", "sweeps:write"])
    assert (kept.created, kept.expiry, kept.host_id) == (NOON, LATER, "atlas")
    assert (kept.last_used_at, kept.revoked_at) == (None, None)
    assert token == kept


@pytest.mark.parametrize(
    ("fields", "wrong"),
    [
        ({"name": ""}, "name"),
        ({"name": " "}, "name"),
        ({"name": "x" * 61}, "name"),
        ({"name": "nul \x00"}, "name"),
        ({"name": "two\nlines"}, "name"),
        ({"name": "half \udcff"}, "name"),
        ({"name": "turned \u202e"}, "name"),
        ({"scopes": []}, "scopes"),
        ({"scopes": ["read", "read"]}, "scopes"),
        ({"scopes": ["write"]}, "scopes"),
        ({"scopes": ["\x00"]}, "scopes"),
        ({"scopes": ["sweeps:write"], "host_id": "a/b"}, "host_id"),
        ({"scopes": ["sweeps:write"], "host_id": "x" * 65}, "host_id"),
        ({"scopes": ["sweeps:write"], "host_id": "atlas\n"}, "host_id"),
        ({"scopes": ["read"], "host_id": "atlas"}, "host_id"),
        ({"expiry": NOON}, "expiry"),
    ],
)
def test_a_wrong_token_is_refused_with_the_field_that_is_wrong(fields, wrong, make):
    with pytest.raises(ValidationError) as refused:
        make(**fields)

    assert list(refused.value.message_dict) == [wrong]
    assert Token.objects.count() == 0


def test_who_is_not_active_gets_no_token(make, bob):
    bob.is_active = False

    with pytest.raises(ValidationError, match="not active"):
        make()


def test_a_name_is_free_again_when_its_token_is_revoked(make, bob):
    token, _secret = make()
    with pytest.raises(ValidationError, match="revoke it, or take another name"):
        make()

    services.revoke(token, at=NOON)
    make()

    assert Token.objects.count() == 2


def test_two_at_once_can_not_take_the_same_name(make, monkeypatch):
    """The constraint holds where both have looked before either wrote."""
    make()
    monkeypatch.setattr(Token, "full_clean", lambda self: None)

    with pytest.raises(ValidationError, match="of this name"):
        make()

    assert Token.objects.count() == 1


def test_users_share_no_names(make, django_user_model):
    make()

    services.make(
        django_user_model.objects.create_user("eve"), name="Grafana", scopes=["read"], at=NOON
    )

    assert Token.objects.count() == 2


def test_a_token_is_revoked_once(make, bob):
    token, _secret = make()

    first = services.revoke(token, at=NOON)
    second = services.revoke(Token.objects.get(), at=LATER)

    assert (first, second, Token.objects.get().revoked_at) == (True, False, NOON)


@pytest.mark.parametrize(
    ("expiry", "revoked_at", "state"),
    [
        (None, None, TokenState.LIVE),
        (LATER + timedelta(seconds=1), None, TokenState.LIVE),
        (LATER, None, TokenState.EXPIRED),
        (None, NOON, TokenState.REVOKED),
        (LATER, NOON, TokenState.REVOKED),
    ],
)
def test_a_state_is_the_same_read_and_asked_for(expiry, revoked_at, state, make):
    token, _secret = make(expiry=expiry)
    Token.objects.update(revoked_at=revoked_at)
    token.refresh_from_db()

    found = [each for each in TokenState if Token.objects.in_state(each, LATER).exists()]

    assert (token.state(LATER), found) == (state, [state])
    assert token.is_live(LATER) == (state is TokenState.LIVE)


@pytest.mark.parametrize(
    ("seconds", "queries", "kept"), [(0, 0, 0), (59, 0, 0), (60, 3, 60), (3600, 3, 3600)]
)
def test_a_use_is_written_once_in_a_minute(seconds, queries, kept, make, django_assert_num_queries):
    make()
    services.use(Token.objects.get(), at=NOON)
    token = Token.objects.get()

    with django_assert_num_queries(queries):  # an UPDATE in a savepoint
        services.use(token, at=NOON + timedelta(seconds=seconds))

    assert Token.objects.get().last_used_at == NOON + timedelta(seconds=kept)


def test_of_two_uses_at_once_the_later_does_not_go_back(make):
    make()
    first, second = Token.objects.get(), Token.objects.get()
    services.use(first, at=NOON + timedelta(seconds=1))

    services.use(second, at=NOON)

    assert Token.objects.get().last_used_at == NOON + timedelta(seconds=1)


@pytest.mark.parametrize(
    ("scopes", "bound_to", "may"),
    [
        (["sweeps:write"], "atlas", {"atlas"}),
        (["sweeps:write"], "", {"atlas", "beta"}),
        (["admin"], "beta", {"beta"}),
        (["read", "notes:write"], "", set()),
    ],
)
def test_whose_sweeps_a_token_may_bring(scopes, bound_to, may, make):
    token, _secret = make(scopes=scopes, host_id=bound_to)

    assert {host for host in ("atlas", "beta") if token.may_bring(host)} == may


@pytest.mark.parametrize("needed", list(Scope))
def test_the_scope_admin_holds_every_other(needed, make):
    token, _secret = make(scopes=["admin"])

    assert token.allows(needed)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "soon",
        "0d",
        "-1d",
        "99999y",
        "999999999d",
        "1",
        "²d",
        "2026-01-01x",
        "2025-12-31",
        "2026-02-30",
        "9999-12-31",
        "never ",
        "x" * 100_000,
    ],
)
def test_what_is_no_time_to_expire_is_refused(text):
    with pytest.raises(ValueError, match=r"."):
        lifetime.expiry(text, NOON)


@given(st.text())
def test_any_text_is_a_time_to_come_or_refused(text):
    try:
        found = lifetime.expiry(text, NOON)
    except ValueError as exc:
        assert len(str(exc)) < 500  # noqa: PT017  # most texts are refused, and that is well
    else:
        assert found is None or found > NOON


def test_the_day_on_which_it_is_made_is_a_time_to_expire():
    assert lifetime.expiry("2026-01-01", NOON) == datetime(2026, 1, 2, tzinfo=UTC)
