"""The description of the API: whole, valid, and served with two pages that draw it."""

import re
import tomllib
from pathlib import Path

import pytest
import yaml
from django.core.management import call_command

from portatlas.api.docs import NO_STYLE, SCROLL_BAR
from portatlas.api.renderers import PROBLEM
from portatlas.api.schema import METHODS, described
from tests.portatlas.test_csp import POLICY

SCHEMA, DOCS, REDOC = "/api/v1/schema/", "/api/v1/docs/", "/api/v1/redoc/"


def operations():
    return [
        (f"{method.upper()} {path}", operation)
        for path, methods in described()["paths"].items()
        for method, operation in methods.items()
        if method in METHODS
    ]


def test_it_is_valid_and_made_without_a_warning(tmp_path):
    """Raises for either."""
    call_command(
        "spectacular",
        validate=True,
        fail_on_warn=True,
        file=str(tmp_path / "openapi.yaml"),
    )


@pytest.mark.parametrize(
    ("accept", "read"),
    [
        ("application/vnd.oai.openapi", lambda response: yaml.safe_load(response.text)),
        ("application/yaml", lambda response: yaml.safe_load(response.text)),
        ("application/json", lambda response: response.json()),
        ("application/vnd.oai.openapi+json", lambda response: response.json()),
    ],
)
def test_it_is_served_in_yaml_and_in_json(accept, read, admin_client):
    response = admin_client.get(SCHEMA, headers={"accept": accept})

    project = tomllib.loads(Path("pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert read(response)["info"]["version"] == project["version"]
    assert response["Content-Type"].startswith(accept)


def test_who_is_not_known_reads_none_of_it(client, db):
    assert client.get(SCHEMA).status_code == 401
    assert [client.get(page)["Location"] for page in (DOCS, REDOC)] == [
        f"/login/?next={DOCS}",
        f"/login/?next={REDOC}",
    ]


def test_it_says_in_three_ways_who_one_is():
    schemes = described()["components"]["securitySchemes"]

    assert {name: scheme["type"] for name, scheme in schemes.items()} == {
        "token": "http",
        "basic": "http",
        "session": "apiKey",
    }
    assert [name for name, each in operations() if len(each["security"]) != 3] == []


def test_every_operation_has_a_name_of_its_own_a_tag_and_a_description():
    names = [operation["operationId"] for _name, operation in operations()]

    assert len(names) == len(set(names))
    assert [name for name in names if not re.fullmatch("[a-z][a-z_]*", name)] == []
    assert [name for name, each in operations() if not each.get("description")] == []
    told = {tag["name"] for tag in described()["tags"]}
    assert {tag for _name, each in operations() for tag in each["tags"]} == told


def test_every_operation_tells_its_errors_as_problems():
    shared = described()["components"]["responses"]

    def content(answer):
        found = shared[answer["$ref"].rpartition("/")[2]] if "$ref" in answer else answer
        return list(found["content"])

    errors = {
        (name, status): content(answer)
        for name, operation in operations()
        for status, answer in operation["responses"].items()
        if status >= "4"
    }
    assert {tuple(kinds) for kinds in errors.values()} == {(PROBLEM,)}
    assert {name for name, _operation in operations() if (name, "401") in errors} == {
        name for name, _operation in operations()
    }


def test_each_text_in_an_address_has_a_bound_a_form_or_a_choice():
    said = {"maxLength", "pattern", "format", "enum"}
    texts = [
        (name, parameter["name"], schema)
        for name, operation in operations()
        for parameter in operation.get("parameters", ())
        for schema in [parameter["schema"].get("items", parameter["schema"])]
        if schema["type"] == "string"
    ]

    assert [(name, of) for name, of, schema in texts if not said & schema.keys()] == []


def test_the_links_in_the_example_of_a_list_lead_to_this_list():
    schemas = described()["components"]["schemas"]

    found = {
        name: schema["properties"]["next"]["example"].partition("?")[0]
        for name, schema in schemas.items()
        if name.startswith("Paginated")
    }

    assert found == {
        f"Paginated{name}List": f"http://atlas:8000/api/v1/{path}/"
        for name, path in (
            ("Coverage", "coverage"),
            ("Event", "events"),
            ("HostEvent", "host-events"),
            ("Host", "hosts"),
            ("Note", "notes"),
            ("Port", "ports"),
            ("Reservation", "reservations"),
            ("ReservationEvent", "reservations/history"),
            ("Transient", "transients"),
        )
    }


def test_no_enum_is_named_by_a_number():
    """Two enums of the same name get one, which changes when a third one comes."""
    names = described()["components"]["schemas"]

    assert [name for name in names if re.search(r"[0-9a-f]{3}Enum$", name)] == []


@pytest.mark.parametrize(
    ("page", "more"),
    [
        (DOCS, {"img-src 'self' data:"}),
        (
            REDOC,
            {
                "img-src 'self' data:",
                f"style-src-elem 'self' {NO_STYLE} {SCROLL_BAR}",
            },
        ),
        (f"{DOCS}?script=", {"img-src 'self' data:"}),
        (SCHEMA, set()),
    ],
)
def test_the_pages_need_no_more_of_the_policy_than_this(page, more, admin_client):
    response = admin_client.get(page)

    assert response.status_code == 200
    assert set(response["Content-Security-Policy"].split("; ")) == POLICY | more
    assert "https://" not in response.text.replace("https://spec.openapis.org", "")


@pytest.mark.parametrize("page", [DOCS, REDOC])
def test_whatever_stands_behind_the_question_mark_is_text(page, admin_client):
    response = admin_client.get(page, {"lang": "<script>", "version": "</script>\x00"})

    assert response.status_code == 200
    assert "<script>" not in response.text


def test_the_address_of_the_api_itself_leads_to_its_description(admin_client):
    response = admin_client.get("/api/v1/")

    assert (response.status_code, response["Location"]) == (302, "/api/v1/docs/")


def test_the_front_of_the_admin_leads_to_what_programs_read(admin_client):
    text = admin_client.get("/admin/").text

    assert 'href="/api/v1/docs/"' in text
    assert 'href="/changes.atom"' in text
