"""`manage.py token`: what goes where, and how it ends."""

import json
import os
import subprocess
import sys
from io import StringIO

import pytest
import time_machine
from django.core.management import CommandError, call_command

from portatlas.tokens.authentication import is_shaped
from portatlas.tokens.models import Token
from tests.conftest import NOON


@pytest.fixture(autouse=True)
def _noon():
    with time_machine.travel(NOON, tick=False):
        yield


@pytest.fixture
def bob(django_user_model):
    return django_user_model.objects.create_user("bob")


def run(*arguments):
    """Run the command and return what it wrote to standard output and to standard error."""
    out, err = StringIO(), StringIO()
    call_command("token", *arguments, stdout=out, stderr=err)
    return out.getvalue(), err.getvalue()


def make(*arguments, name="Grafana", user="bob"):
    return run("make", "--user", user, "--name", name, "--scope", "read", *arguments)


@pytest.mark.usefixtures("bob")
def test_the_secret_alone_goes_to_standard_output():
    out, err = make()

    assert is_shaped(out.removesuffix("\n"))
    assert out.strip() not in err
    assert "“Grafana” of bob: read, until 2027-01-01 12:00:00 UTC" in err


def test_a_token_is_made_as_the_arguments_say(bob):
    make("--scope", "sweeps:write", "--host", "atlas", "--expires", "never")

    token = Token.objects.get()
    assert (token.user, token.scopes, token.host_id) == (bob, ["read", "sweeps:write"], "atlas")
    assert (token.created, token.expiry) == (NOON, None)


@pytest.mark.usefixtures("bob")
def test_json_has_the_secret_when_it_is_made_and_never_again():
    made = json.loads(make("--json")[0])
    listed = json.loads(run("list", "--json")[0])

    secret = made.pop("secret")
    assert listed == [made]
    assert listed == [
        {
            "id": Token.objects.get().pk,
            "user": "bob",
            "name": "Grafana",
            "begins_with": secret[:15],
            "scopes": ["read"],
            "host_id": "",
            "created_at": "2026-01-01T12:00:00+00:00",
            "expires_at": "2027-01-01T12:00:00+00:00",
            "last_used_at": None,
            "revoked_at": None,
            "state": "live",
        }
    ]


@pytest.mark.usefixtures("bob")
def test_the_list_has_the_revoked_ones_too(django_user_model):
    django_user_model.objects.create_user("eve")
    make(name="old")
    run("revoke", str(Token.objects.get().pk))
    make(name="new")
    make(user="eve", name="hers")

    every, of_eve = run("list")[0], run("list", "--user", "eve")[0]

    assert [line.split()[1:3] + line.split()[-1:] for line in every.splitlines()[1:]] == [
        ["eve", "hers", "live"],
        ["bob", "new", "live"],
        ["bob", "old", "revoked"],
    ]
    assert len(of_eve.splitlines()) == 2


@pytest.mark.django_db
def test_an_empty_list_says_how_to_make_one():
    assert run("list") == ("", "There is none. Make one: python3 manage.py token make --help\n")
    assert run("list", "--json") == ("[]\n", "")


@pytest.mark.usefixtures("bob")
def test_a_token_is_revoked_by_its_number():
    make()
    number = str(Token.objects.get().pk)

    told = json.loads(run("revoke", number, "--json")[0])
    with pytest.raises(CommandError, match=f"Token {number} was revoked before, at 2026-01-01"):
        run("revoke", number)

    assert (told["state"], Token.objects.get().revoked_at) == ("revoked", NOON)


@pytest.mark.usefixtures("bob")
@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["make", "--user", "eve", "--name", "x", "--scope", "read"], "There is no user 'eve'"),
        (["make", "--user", "\udcff", "--name", "x", "--scope", "read"], "There is no user"),
        (["make", "--user", "bob", "--name", "\udcff", "--scope", "read"], "--name: A name is"),
        (["make", "--user", "bob", "--name", "x", "--scope", "write"], "invalid choice: 'write'"),
        (["make", "--user", "bob", "--name", "x"], "--scope"),
        (
            ["make", "--user", "bob", "--name", "x", "--scope", "read", "--host", "a"],
            "--host: A host limits sweeps:write only",
        ),
        (
            ["make", "--user", "bob", "--name", "x", "--scope", "read", "--expires", "soon"],
            "--expires: 'soon' is no time to expire. Say 90d",
        ),
        (["list", "--user", "eve"], "There is no user 'eve'"),
        (["revoke", "7"], "There is no token 7: python3 manage.py token list"),
        (["revoke", "9" * 30], "There is no token 999"),
        (["revoke", "first"], "invalid int value"),
        ([], "make|list|revoke"),
    ],
)
def test_what_is_refused_says_what_to_do(arguments, said):
    with pytest.raises(CommandError) as refused:
        run(*arguments)

    assert said in str(refused.value)
    assert Token.objects.count() == 0


def test_the_exit_code_tells_what_happened(tmp_path):
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(tmp_path),
        "PORTATLAS_BOOTSTRAP": "off",
        "PORTATLAS_DATA": str(tmp_path / "data"),
    }

    def ended(*arguments):
        done = subprocess.run(  # noqa: S603  # our own manage.py
            [sys.executable, "manage.py", *arguments],
            capture_output=True,
            text=True,
            env=environment,
            check=False,
        )
        return done.returncode, done.stderr

    before = ended("token", "list")
    ended("migrate", "-v0")

    assert (before[0], "Run python3 manage.py migrate first." in before[1]) == (1, True)
    assert ended("token", "list")[0] == 0
    assert ended("token", "revoke", "1")[0] == 1
    assert ended("token", "revoke")[0] == 2
