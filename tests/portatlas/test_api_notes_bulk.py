"""Many notes in one request: an outcome for each, and all of them written or none."""

import itertools
import json

import pytest
from django.contrib.auth.models import Group
from django.db import connection
from django.test.utils import CaptureQueriesContext

from notes.batch import MOST
from notes.models import PortNote
from portatlas.tokens import services
from portatlas.tokens.scopes import Scope
from tests.conftest import NOON

BULK = "/api/v1/notes/bulk/"
JSON = "application/json"


def item(port, **fields):
    return {"host_id": "atlas", "protocol": "tcp", "port": port} | fields


def outcomes(answer):
    return [
        (each.get("port"), each["outcome"], each.get("version")) for each in answer.json()["items"]
    ]


def titles():
    return dict(PortNote.objects.order_by("port").values_list("port", "title"))


@pytest.fixture
def send(admin_client):
    """Return a function that sends items as an administrator."""

    def send(items, query="", **body):
        return admin_client.post(BULK + query, {"items": items} | body, JSON)

    return send


@pytest.fixture
def four(write_note):
    """Notes of four ports."""
    for port in (1, 2, 3, 4):
        write_note(port)


MIXED = [
    item(1, title="One"),
    item(2, op="put", title="Reason 2"),
    item(3, op="patch", owner="alice", if_match=1),
    item(4, op="delete"),
    item(5, title="Five", if_match=0),
    {"host_id": "*", "protocol": "udp", "port": 53},
]


def test_each_item_has_its_outcome(send, four):
    answer = send(MIXED)

    assert answer.status_code == 200
    assert outcomes(answer) == [
        (1, "changed", 2),
        (2, "unchanged", 1),
        (3, "changed", 2),
        (4, "deleted", 0),
        (5, "created", 1),
        (53, "created", 1),
    ]
    assert [each.get("changes") for each in answer.json()["items"]] == [
        ["title"],
        None,
        ["owner"],
        None,
        None,
        None,
    ]
    assert titles() == {1: "One", 2: "Reason 2", 3: "Reason 3", 5: "Five", 53: ""}
    assert PortNote.objects.get(port=3).owner == "alice"


def test_what_is_sent_again_changes_nothing(send, four):
    items = [each for each in MIXED if each.get("op") != "delete" and "if_match" not in each]
    send(items)
    written = PortNote.history.count()

    answer = send(items)

    assert {each["outcome"] for each in answer.json()["items"]} == {"unchanged"}
    assert PortNote.history.count() == written


@pytest.mark.parametrize(("query", "body"), [("?dry_run=true", {}), ("", {"dry_run": True})])
def test_a_trial_tells_the_same_and_writes_nothing(query, body, send, four):
    before, history = list(PortNote.objects.values()), PortNote.history.count()

    tried = send(MIXED, query, **body)
    untouched = list(PortNote.objects.values()), PortNote.history.count()
    done = send(MIXED)

    assert (tried.status_code, tried.json()["dry_run"]) == (200, True)
    assert untouched == (before, history)
    assert [out[:2] for out in outcomes(tried)] == [out[:2] for out in outcomes(done)]


@pytest.mark.parametrize("query", ["", "?dry_run=true"])
def test_one_refused_item_keeps_all_from_being_written(query, send, four):
    before, history = list(PortNote.objects.values()), PortNote.history.count()

    answer = send(
        [
            item(1, title="One"),
            item(2, if_match=7, title="Two"),
            item(9, op="patch", title="Nine"),
            item(9, op="delete"),
            item(3, risk_level="fine"),
            item(4, op="delete"),
        ],
        query,
    )

    problem = answer.json()
    assert (answer.status_code, problem["type"]) == (422, "/api/v1/problems/refused/")
    assert problem["detail"] == "4 of 6 items were refused, so nothing was written."
    assert [each["outcome"] for each in problem["items"]] == [
        "changed",
        "refused",
        "refused",
        "refused",
        "refused",
        "deleted",
    ]
    told = [each["problem"] for each in problem["items"] if "problem" in each]
    assert [(each["status"], each["detail"]) for each in told] == [
        (412, "The note about 2/tcp on atlas is another by now."),
        (404, "There is no note about 9/tcp on atlas."),
        (400, "items/3: 9/tcp on atlas is said twice, first in #/items/2."),
        (400, 'items/4/risk_level: "fine" is not a valid choice.'),
    ]
    assert told[3]["errors"][0]["pointer"] == "#/items/4/risk_level"
    assert problem["items"][1]["version"] == 1
    assert list(PortNote.objects.values()) == before
    assert PortNote.history.count() == history


@pytest.mark.parametrize(
    ("bad", "pointer"),
    [
        (None, ""),
        ([], ""),
        ("note", ""),
        ({}, "/host_id"),
        ({"host_id": "atlas", "protocol": "tcp"}, "/port"),
        (item(1, op="patch") | {"port": None}, "/port"),
        (item(1, op="drop"), "/op"),
        (item(1, op=[]), "/op"),
        (item(1, op="create"), "/op"),
        (item(1, if_match=-1), "/if_match"),
        (item(1, if_match="x"), "/if_match"),
        (item(1, if_match=None), "/if_match"),
        (item(1, if_match=2**40), "/if_match"),
        (item(1, op="delete", title="x"), "/title"),
        (item(1, titel="x"), "/titel"),
        (item(1, title="nul \x00"), "/title"),
        (item(1, title="half \ud800"), "/title"),
        (item("x" * 1000), "/port"),
        (item(1) | {"host_id": {"a": 1}}, "/host_id"),
    ],
    ids=lambda value: json.dumps(value)[:40],
)
def test_a_bad_item_is_refused_with_what_is_wrong(bad, pointer, admin_client):
    body = json.dumps({"items": [item(80, title="Shop"), bad]})

    answer = admin_client.generic("POST", BULK, body, JSON)

    refused = answer.json()["items"][1]
    assert (answer.status_code, refused["outcome"]) == (422, "refused")
    assert refused["problem"]["errors"][0]["pointer"] == f"#/items/1{pointer}"
    assert PortNote.objects.count() == 0


@pytest.mark.parametrize(
    ("body", "query", "status"),
    [
        ({}, "", 400),
        ({"items": {}}, "", 400),
        ({"items": "all"}, "", 400),
        ({"items": [], "dry_run": "yes"}, "", 400),
        ({"items": [], "dry_run": 1}, "", 400),
        ({"items": [], "dryrun": True}, "", 400),
        ({"items": []}, "?dry_run=yes", 400),
        ({"items": []}, "?dryrun=true", 400),
        ([], "", 400),
        ({"items": [None] * (MOST + 1)}, "", 413),
        ({"items": []}, "", 200),
    ],
    ids=range(11),
)
def test_a_request_of_another_shape_is_refused(body, query, status, admin_client):
    assert admin_client.post(BULK + query, body, JSON).status_code == status


def test_a_thousand_notes_are_written_and_no_more(send):
    items = [item(number, title=f"Port {number}", tags=["web"]) for number in range(1, MOST + 2)]

    too_many, enough = send(items), send(items[:MOST])

    assert (too_many.status_code, enough.status_code) == (413, 200)
    assert too_many.json()["detail"] == "These are 1001 items; at most 1000 are written at once."
    assert (PortNote.objects.count(), PortNote.history.count()) == (MOST, MOST)


def test_three_items_take_the_statements_of_one(send, write_note):
    def statements(count):
        for port in range(count):
            write_note(100 + port), write_note(200 + port)
        numbers = itertools.chain(*([1 + n, 100 + n, 200 + n] for n in range(count)))
        items = [
            item(number, op="delete") if number >= 200 else item(number, title=f"{count}")
            for number in numbers
        ]
        with CaptureQueriesContext(connection) as captured:
            assert send(items).status_code == 200
        PortNote.objects.all().delete()
        return len(captured)

    # Session and user; savepoint; which, lock; history and rows of the deleted; versions, rows
    # and history of the new; rows and history of the changed; release.
    assert [statements(count) for count in (1, 3)] == [13, 13]


def test_a_token_is_named_in_the_history_of_each(client, admin_user, four):
    _token, secret = services.make(admin_user, name="cmdb", scopes=[Scope.WRITE_NOTES], at=NOON)
    before = PortNote.history.count()

    client.post(BULK, {"items": MIXED}, JSON, headers={"authorization": f"Bearer {secret}"})

    lines = PortNote.history.order_by("history_id")[before:]
    assert [(line.history_type, line.history_change_reason) for line in lines] == [
        ("-", "by the token cmdb"),
        *[("+", "by the token cmdb")] * 2,
        *[("~", "by the token cmdb")] * 2,
    ]
    assert {line.history_user for line in lines} == {admin_user}


def test_who_may_not_delete_deletes_nothing_in_bulk(client, django_user_model, four):
    user = django_user_model.objects.create_user("alice")
    user.groups.add(Group.objects.get(name="annotator"))
    client.force_login(user)

    with_delete = client.post(BULK, {"items": MIXED}, JSON)
    without = client.post(BULK, {"items": MIXED[:3]}, JSON)

    assert (with_delete.status_code, without.status_code) == (403, 200)
    assert PortNote.objects.count() == 4
