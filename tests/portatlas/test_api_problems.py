"""What goes wrong is told as RFC 9457 has it, whoever answers, and tells nothing of the inside."""

import json

import pytest
from django.db import OperationalError
from django.test import Client
from rest_framework.exceptions import Throttled

from portatlas.api.notes import NoteList
from portatlas.api.pagination import NO_LIMIT
from portatlas.api.problem_types import KINDS
from portatlas.api.problems import of_validation
from portatlas.tokens import services
from portatlas.tokens.scopes import Scope
from tests.conftest import NOON

NOTES = "/api/v1/notes/"
JSON = "application/json"
NOTE = {"host_id": "atlas", "protocol": "tcp", "port": 80, "title": "Shop"}


def told(answer) -> tuple[int, str]:
    """Return the status and the kind of a problem, which has all members that each of them has."""
    problem = answer.json()
    assert answer["Content-Type"] == "application/problem+json"
    assert int(answer.get("Content-Length", len(answer.content))) == len(answer.content)
    assert {"type", "title", "status", "detail", "instance"} <= set(problem)
    assert problem["status"] == answer.status_code
    return answer.status_code, problem["type"].removeprefix("/api/v1/problems/").rstrip("/")


@pytest.fixture
def broken(monkeypatch):
    """Return a function that lets the list of notes raise something."""

    def broken(exc):
        def get_queryset(self):
            raise exc

        monkeypatch.setattr(NoteList, "get_queryset", get_queryset)
        return Client(raise_request_exception=False)

    return broken


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_the_type_of_a_problem_leads_to_a_text_about_it(kind, client):
    answer = client.get(f"/api/v1/problems/{kind.name}/")

    assert (answer.status_code, answer["Content-Type"]) == (200, "text/plain; charset=utf-8")
    assert answer.text == f"{kind.title} ({kind.status})\n\n{kind.meaning}\n"


@pytest.mark.parametrize("path", ["/api/", "/api/v2/ports/", "/api/v1/problems/no/"])
def test_an_address_that_is_none_of_the_api_is_a_problem(path, client):
    assert told(client.get(path)) == (404, "not-found")


def test_an_unknown_page_elsewhere_is_no_problem_of_the_api(client):
    answer = client.get("/nowhere/")

    assert (answer.status_code, answer["Content-Type"]) == (404, "text/html; charset=utf-8")


@pytest.mark.parametrize("query", ["=x", "=", "=x&=y"])
def test_a_parameter_without_a_name_is_none(query, admin_client):
    answer = admin_client.get(f"/api/v1/summary/?{query}")

    assert told(answer) == (400, "invalid")
    assert [error["parameter"] for error in answer.json()["errors"]] == [""]


def test_whoever_is_not_known_is_told_how_to_say_who_he_is(client, db):
    answer = client.get(NOTES)

    assert told(answer) == (401, "unauthenticated")
    assert answer["WWW-Authenticate"] == 'Bearer realm="Port Atlas"'


@pytest.mark.parametrize("credentials", ["Bearer atlas_x", "Bearer \xff", "Basic !", "Basic YQ=="])
def test_credentials_that_open_nothing_are_refused(credentials, client, db):
    answer = client.get(NOTES, headers={"authorization": credentials})

    assert told(answer) == (401, "unauthenticated")


def test_who_asks_too_often_is_told_how_long_to_wait(broken, admin_user):
    client = broken(Throttled(wait=30))
    client.force_login(admin_user)

    answer = client.get(NOTES)

    assert told(answer) == (429, "throttled")
    assert answer["Retry-After"] == "30"


def test_a_user_without_permission_is_told_so(client, django_user_model):
    client.force_login(django_user_model.objects.create_user("nobody"))

    assert told(client.get(NOTES)) == (403, "forbidden")
    assert told(client.post(NOTES, NOTE, JSON)) == (403, "forbidden")


def test_a_token_without_the_scope_is_told_which_it_lacks(client, admin_user):
    _token, secret = services.make(admin_user, name="reader", scopes=[Scope.READ], at=NOON)

    answer = client.post(NOTES, NOTE, JSON, headers={"authorization": f"Bearer {secret}"})

    assert told(answer) == (403, "forbidden")
    assert answer.json()["detail"] == "This token lacks the scope notes:write."


def test_a_session_without_its_csrf_token_is_a_problem(admin_user):
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(admin_user)

    assert told(strict.post(NOTES, NOTE, JSON)) == (403, "forbidden")


def test_a_method_that_is_not_for_an_address_is_told_which_are(admin_client):
    answer = admin_client.delete("/api/v1/ports/")

    assert told(answer) == (405, "method-not-allowed")
    assert "GET" in answer["Allow"]


def test_whatever_a_client_accepts_it_understands_why_it_gets_nothing(admin_client):
    answer = admin_client.get(NOTES, headers={"accept": "text/csv"})

    assert told(answer) == (406, "not-acceptable")


@pytest.mark.parametrize("form", ["text/plain", "application/x-www-form-urlencoded", "x", ""])
def test_a_body_of_another_form_is_refused(form, admin_client):
    answer = admin_client.generic("POST", NOTES, json.dumps(NOTE), form or "/")

    assert told(answer) == (415, "unsupported-media-type")


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (b"{", "The body is not JSON: Expecting property name"),
        (b"", "The body is empty"),
        (b"[]", "The body is no JSON object"),
        (b'"x"', "The body is no JSON object"),
        (b"null", "The body is no JSON object"),
        (b"\xff", "The body is not UTF-8 from byte 0 on."),
        (b'\xef\xbb\xbf{"a": 1}', "The body is not JSON"),
        (b'{"port": NaN}', "NaN is no number in JSON."),
        (b'{"port": -Infinity}', "-Infinity is no number in JSON."),
        (b'{"port": 1e999}', "A number is too large for a float."),
        (b'{"port": ' + b"9" * 5000 + b"}", "A number is too large for a float."),
        (b'{"port": 1, "port": 2}', "An object says 'port' twice."),
        (b'{"tags": ' + b"[" * 40 + b"]" * 40 + b"}", "The body is nested deeper than 32 levels."),
        (b"[" * 200_000, "The body is nested deeper than 32 levels."),
        (b'{"a":' * 200_000, "The body is nested deeper than 32 levels."),
    ],
    ids=range(15),
)
def test_a_body_that_cannot_be_read_is_refused_and_why(text, why, admin_client):
    answer = admin_client.generic("POST", NOTES, text, JSON)

    assert told(answer) == (400, "malformed")
    assert answer.json()["detail"].startswith(why)


def test_a_body_is_read_only_up_to_its_limit(admin_client, settings):
    settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 1000

    answer = admin_client.post(NOTES, NOTE | {"description": "x" * 1000}, JSON)

    assert told(answer) == (413, "too-large")
    assert answer.json()["detail"] == "A body has at most 1000 bytes."


def test_a_body_of_no_said_length_is_not_taken_for_an_empty_one(admin_client):
    answer = admin_client.generic(
        "PUT", f"{NOTES}atlas/tcp/80/", b"", JSON, HTTP_TRANSFER_ENCODING="chunked"
    )

    assert told(answer) == (411, "length-required")


def test_a_wrong_parameter_is_told_by_its_name(admin_client):
    answer = admin_client.get(f"{NOTES}?limit=x")

    assert told(answer) == (400, "invalid")
    assert answer.json() | {"title": ""} == {
        "type": "/api/v1/problems/invalid/",
        "title": "",
        "status": 400,
        "detail": f"limit: {NO_LIMIT}",
        "instance": "/api/v1/notes/",
        "errors": [{"parameter": "limit", "detail": NO_LIMIT}],
    }


def test_each_wrong_field_is_told_by_a_pointer_into_the_body(admin_client):
    answer = admin_client.post(NOTES, NOTE | {"port": 0, "tags": "web"}, JSON)

    assert told(answer) == (400, "invalid")
    assert answer.json()["detail"] == "2 things are wrong; see errors."
    assert answer.json()["errors"] == [
        {"pointer": "#/port", "detail": "Ensure this value is greater than or equal to 1."},
        {"pointer": "#/tags", "detail": "Tags are a list of words."},
    ]


def test_pointers_lead_through_lists_and_odd_names():
    detail = {"items": [{}, {"a/b~c": ["no"]}], "non_field_errors": ["none of it"]}

    assert of_validation(detail)["errors"] == [
        {"pointer": "#/items/1/a~1b~0c", "detail": "no"},
        {"pointer": "#", "detail": "none of it"},
    ]


def test_what_broke_is_told_without_anything_of_the_inside(broken, admin_user, settings, caplog):
    settings.DEBUG = True
    client = broken(RuntimeError("SELECT secret FROM somewhere"))
    client.force_login(admin_user)

    answer = client.get(NOTES)

    assert told(answer) == (500, "error")
    assert "SELECT" not in answer.text
    assert "SELECT secret" in caplog.text


def test_a_database_that_is_busy_is_asked_again_later(broken, admin_user, caplog):
    client = broken(OperationalError("database is locked"))
    client.force_login(admin_user)

    answer = client.get(NOTES)

    assert told(answer) == (503, "busy")
    assert answer["Retry-After"] == "5"
    assert "locked" not in answer.text


def test_a_redirection_to_the_slash_keeps_the_method_and_the_body(admin_client):
    answers = [admin_client.get("/api/v1/notes"), admin_client.post("/api/v1/notes", NOTE, JSON)]

    assert [answer.status_code for answer in answers] == [301, 308]


def test_a_quoted_lone_surrogate_breaks_no_answer(admin_client):
    answer = admin_client.generic("POST", NOTES, b'{"protocol": "\\ud800", "\\udfff": 1}', JSON)

    assert told(answer) == (400, "invalid")


def test_who_asks_by_a_name_that_is_not_allowed_is_told_where_it_is_to_stand(client):
    """An agent keeps its sweeps then: 400 would have it drop them."""
    answer = client.post("/api/v1/sweeps/", {}, content_type=JSON, headers={"host": "hub.lan"})
    page = client.get("/", headers={"host": "hub.lan"})

    assert told(answer) == (421, "misdirected")
    assert "PORTATLAS_ALLOWED_HOSTS" in answer.json()["detail"]
    assert (page.status_code, page["Content-Type"]) == (421, "text/plain; charset=utf-8")
    assert "PORTATLAS_ALLOWED_HOSTS" in page.text


@pytest.mark.parametrize(
    ("send", "what_to_do"),
    [
        ({"data": "a=1", "content_type": "text/plain"}, "Send JSON, with `Content-Type"),
        ({"data": {}, "content_type": JSON, "headers": {"authorization": ""}}, "Show a token"),
    ],
)
def test_a_problem_says_what_to_do(send, what_to_do, client, admin_client):
    who = client if "headers" in send else admin_client

    assert what_to_do in who.post(NOTES, **send).json()["detail"]
