"""Rules that no schema can say: who breaks one is told its code, and nobody else is."""

from pathlib import Path

import pytest

from portatlas.api.rules import Rule
from portatlas.api.schema import described
from portatlas.discovery import listing

BULK = "/api/v1/notes/bulk/"
NOTE = {"host_id": "atlas", "protocol": "tcp", "port": 80}


@pytest.mark.parametrize(
    ("address", "codes"),
    [
        ("ports/?at=2999-01-01", [Rule.TO_COME]),
        ("summary/?at=2999-01-01", [Rule.TO_COME]),
        ("ports/?look=up", [Rule.TOGETHER]),
        ("ports/?at=2026-01-01&active=true&role=proxy", [Rule.TOGETHER] * 2),
        ("events/?after=1&cursor=1767268800000000_1", [Rule.TOGETHER]),
        ("ports/?at=0001-01-01T00:00:00%2B14:00", [Rule.CALENDAR]),
        ("notes/?updated_since=9999-12-31T23:59:59-14:00", [Rule.CALENDAR]),
        ("ports/?port=8100-8000", [Rule.RANGE]),
        ("events/?port=80,65536", [Rule.RANGE]),
        ("discovery/ansible/", [Rule.TOO_MUCH]),
    ],
)
def test_who_breaks_a_rule_is_told_its_code(address, codes, admin_client, open_port, monkeypatch):
    monkeypatch.setattr(listing, "MOST", 0)
    open_port(80)

    answer = admin_client.get(f"/api/v1/{address}")

    assert answer.status_code == 400
    assert [error["code"] for error in answer.json()["errors"]] == codes


def test_two_items_about_one_port_break_a_rule(admin_client):
    answer = admin_client.post(BULK, {"items": [NOTE, NOTE]}, "application/json")

    [error] = answer.json()["items"][1]["problem"]["errors"]
    assert (answer.status_code, error["code"]) == (422, Rule.TWICE)


@pytest.mark.parametrize(
    "address",
    [
        "ports/?at=tomorrow",
        "ports/?at=2026-01-01&look=sideways",
        "ports/?port=80-",
        "ports/?state=fine",
        "ports/?ordering=secret",
        "ports/?hots_id=atlas",
        "events/?cursor=x",
        "notes/?updated_since=tomorrow",
        "notes/?port_range_min=65536",
    ],
)
def test_what_is_wrong_by_the_description_has_no_code(address, admin_client, open_port):
    open_port(80)

    answer = admin_client.get(f"/api/v1/{address}")

    assert [set(error) for error in answer.json()["errors"]] == [{"parameter", "detail"}]


def test_the_description_and_the_readme_tell_each_code():
    schema = described()["components"]["schemas"]["Problem"]["properties"]["errors"]
    code = schema["items"]["properties"]["code"]
    readme = Path("portatlas/api/README.md").read_text(encoding="utf-8")

    assert code["enum"] == Rule.values
    assert [rule for rule in Rule if rule.label not in code["description"]] == []
    assert [rule for rule in Rule if f"| `{rule}` | {rule.label} |" not in readme] == []
