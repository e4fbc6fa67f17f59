import pytest

from notes.models import PortNote


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"port": 0}, "port"),
        ({"port": 65536}, "port"),
        ({"port": "x"}, "port"),
        ({"protocol": "icmp"}, "protocol"),
        ({"host_id": ""}, "host_id"),
        ({"title": "x" * 201}, "title"),
        ({"risk_level": "fine"}, "risk_level"),
        ({"tags": "web"}, "tags"),
        ({"tags": ["Web"]}, "tags"),
        ({"tags": ["web", "web"]}, "tags"),
        ({"tags": [1]}, "tags"),
        ({"tags": ["x"] * 31}, "tags"),
        ({"title": "nul \x00"}, "title"),
    ],
)
def test_a_bad_note_is_refused_with_the_field_that_is_wrong(change, field, admin_client):
    body = {"host_id": "atlas", "protocol": "tcp", "port": 80, "title": "Shop"} | change

    answer = admin_client.post("/api/v1/notes/", body, "application/json")

    assert answer.status_code == 400
    assert {error["pointer"] for error in answer.json()["errors"]} == {f"#/{field}"}
    assert PortNote.objects.count() == 0


def test_a_browser_session_writes_only_with_its_csrf_token(admin_user):
    from django.test import Client  # noqa: PLC0415  # the fixture's client skips the check

    strict = Client(enforce_csrf_checks=True)
    strict.force_login(admin_user)

    body = {"host_id": "atlas", "protocol": "tcp", "port": 80, "title": "Shop"}

    strict.get("/")
    token = strict.cookies["csrftoken"].value
    without = strict.post("/api/v1/notes/", body, "application/json")
    with_token = strict.post(
        "/api/v1/notes/", body, "application/json", headers={"x-csrftoken": token}
    )

    assert (without.status_code, with_token.status_code) == (403, 201)
