"""`manage.py token`: what goes where, and how it ends."""

import json
import os
import subprocess
import sys

import pytest
import time_machine

from portatlas.terminal.exits import Exit
from portatlas.tokens.authentication import is_shaped
from portatlas.tokens.models import Token
from tests.conftest import NOON
from tests.portatlas.command import run


@pytest.fixture(autouse=True)
def _noon():
    with time_machine.travel(NOON, tick=False):
        yield


@pytest.fixture
def bob(django_user_model):
    return django_user_model.objects.create_user("bob")


@pytest.fixture
def token(capsys):
    """Return a function that runs `token` and returns what it printed and how it ended."""

    def token(*arguments):
        return run(capsys, "token", *arguments)

    return token


@pytest.fixture
def make(token):
    """Return a function that makes a token and returns what was printed."""

    def make(*arguments, name="Grafana", user="bob"):
        return token("make", "--user", user, "--name", name, "--scope", "read", *arguments)

    return make


@pytest.mark.usefixtures("bob")
def test_the_secret_alone_goes_to_standard_output(make):
    out, err, code = make()

    assert (is_shaped(out.removesuffix("\n")), code) == (True, Exit.DONE)
    assert out.strip() not in err
    assert "“Grafana” of bob: read, until 2027-01-01 12:00:00 UTC" in err


def test_a_token_is_made_as_the_arguments_say(bob, make):
    make("--scope", "sweeps:write", "--host", "atlas", "--expires", "never")

    token = Token.objects.get()
    assert (token.user, token.scopes, token.host_id) == (bob, ["read", "sweeps:write"], "atlas")
    assert (token.created, token.expiry) == (NOON, None)


@pytest.mark.usefixtures("bob")
def test_each_thing_is_said_once(make, token, caplog):
    caplog.set_level("INFO")

    _out, made, _code = make()
    _out, revoked, _code = token("revoke", str(Token.objects.get().pk))

    assert (made.count("Grafana"), revoked.count("Grafana"), caplog.text) == (1, 1, "")


@pytest.mark.usefixtures("bob")
def test_json_has_the_secret_when_it_is_made_and_never_again(make, token):
    made = json.loads(make("--json")[0])
    listed = json.loads(token("list", "--json")[0])

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
            "created_at": "2026-01-01T12:00:00Z",
            "expires_at": "2027-01-01T12:00:00Z",
            "last_used_at": None,
            "revoked_at": None,
            "state": "live",
        }
    ]


@pytest.mark.usefixtures("bob")
def test_the_list_has_the_revoked_ones_too(django_user_model, make, token):
    django_user_model.objects.create_user("eve")
    make(name="old")
    token("revoke", str(Token.objects.get().pk))
    make(name="new")
    make(user="eve", name="hers")

    every, of_eve = token("list")[0], token("list", "--user", "eve")[0]

    assert [line.split()[1:3] + line.split()[-1:] for line in every.splitlines()[1:]] == [
        ["eve", "hers", "live"],
        ["bob", "new", "live"],
        ["bob", "old", "revoked"],
    ]
    assert len(of_eve.splitlines()) == 2


@pytest.mark.usefixtures("bob")
def test_a_name_can_not_move_the_cursor(django_user_model, make, token):
    django_user_model.objects.create_user("\x1b[2Jeve")
    make(user="\x1b[2Jeve")

    out, _err, _code = token("list")

    assert "\x1b" not in out
    assert out.splitlines()[1].split()[1] == "\\x1b[2Jeve"


@pytest.mark.django_db
def test_an_empty_list_says_how_to_make_one(token):
    said = "There is no token. Make one: python3 manage.py token make --help\n"

    assert token("list") == ("", said, Exit.NOTHING)
    assert token("list", "--json") == ("[]\n", said, Exit.NOTHING)


@pytest.mark.usefixtures("bob")
def test_a_token_is_revoked_by_its_number(make, token):
    make()
    number = str(Token.objects.get().pk)

    told = json.loads(token("revoke", number, "--json")[0])
    again = token("revoke", number)

    assert (told["state"], Token.objects.get().revoked_at) == ("revoked", NOON)
    before = f"Token {number} was revoked before, at 2026-01-01 12:00:00 UTC."
    assert again == ("", before, Exit.FAILED)


MAKE = ["make", "--user", "bob", "--name", "x"]


@pytest.mark.usefixtures("bob")
@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["make", "--user", "\udcff", "--name", "x", "--scope", "read"], "is no UTF-8 text."),
        (["make", "--user", "bob", "--name", "\udcff", "--scope", "read"], "is no UTF-8 text."),
        (
            ["make", "--user", "bob", "--name", "\n", "--scope", "read"],
            "--name: ",
        ),
        ([*MAKE, "--scope", "read", "--host", "a"], "--host: A host limits sweeps:write only"),
        (
            [*MAKE, "--scope", "read", "--expires", "soon"],
            "--expires: 'soon' is no time to expire. Say 90d",
        ),
    ],
)
def test_what_makes_no_sense_is_wrong_usage(arguments, said, token):
    _out, err, code = token(*arguments)

    assert (said in err, code, Token.objects.count()) == (True, Exit.USAGE, 0)


@pytest.mark.usefixtures("bob")
@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["make", "--user", "eve", "--name", "x", "--scope", "read"], "There is no user “eve”"),
        (["list", "--user", "eve"], "There is no user “eve”"),
        (["revoke", "7"], "There is no token 7: python3 manage.py token list"),
        (["revoke", "-1"], "There is no token -1"),
        (["revoke", "9" * 30], "There is no token 999"),
    ],
)
def test_who_or_what_is_not_there_is_nothing(arguments, said, token):
    _out, err, code = token(*arguments)

    assert (said in err, code, Token.objects.count()) == (True, Exit.NOTHING, 0)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([*MAKE, "--scope", "write"], "invalid choice: 'write'"),
        (MAKE, "--scope"),
        (["revoke", "first"], "invalid int value"),
        ([], "make|list|revoke"),
    ],
)
def test_what_is_no_argument_is_refused(arguments, said, token):
    assert said in token(*arguments)[1]


def test_the_exit_code_tells_what_happened(tmp_path, new_database):
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
    new_database(tmp_path / "data")

    assert (before[0], "Run python3 manage.py migrate first." in before[1]) == (1, True)
    assert ended("token", "list")[0] == Exit.NOTHING
    assert ended("token", "revoke", "1")[0] == Exit.NOTHING
    assert ended("token", "revoke")[0] == Exit.USAGE
