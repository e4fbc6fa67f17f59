"""Notes through the API: one address for each port, written once, and never over what was read."""

import json

import pytest
from django.contrib.auth.models import Group
from django.test import Client
from django.urls import reverse

from notes.forms import NoteForm
from notes.models import EVERY_HOST, PortNote
from portatlas.tokens import services
from portatlas.tokens.scopes import Scope
from tests.conftest import NOON

NOTES = "/api/v1/notes/"
SHOP = f"{NOTES}atlas/tcp/80/"
JSON = "application/json"
KEY = {"host_id": "atlas", "protocol": "tcp", "port": 80}
LONG_GONE, FAR_OFF = "2020-01-01", "2999-01-01"


def history():
    """Return (how, who, why, title) of every line of history, the oldest first."""
    rows = PortNote.history.order_by("history_id").select_related("history_user")
    return [
        (row.history_type, str(row.history_user), row.history_change_reason, row.title)
        for row in rows
    ]


def errors(answer) -> dict[str, str]:
    return {error["pointer"]: error["detail"] for error in answer.json()["errors"]}


@pytest.fixture
def put(admin_client):
    """Return a function that puts a note as an administrator."""

    def put(body, path=SHOP, **headers):
        return admin_client.put(path, body, JSON, headers=headers)

    return put


@pytest.fixture
def token(admin_user):
    """Return a function that makes a token of the administrator and gives its header."""

    def token(*scopes, name="ansible"):
        _token, secret = services.make(admin_user, name=name, scopes=list(scopes), at=NOON)
        return {"authorization": f"Bearer {secret}"}

    return token


def test_what_is_put_is_read_at_the_same_address(put, admin_client, admin_user):
    said = {
        "title": "Shop",
        "description": "# <script>",
        "owner": "alice",
        "service_type": "web",
        "risk_level": "trusted",
        "tags": ["web", "shop"],
        "expected_scope": "any",
        "review_by": "2027-01-01",
    }

    created = put(said)
    read = admin_client.get(SHOP)

    assert (created.status_code, created["Location"], created["ETag"]) == (201, SHOP, '"1"')
    assert created.json() == read.json()
    assert read.json() | said | KEY == read.json()
    assert (read.status_code, read["ETag"], read.json()["version"]) == (200, '"1"', 1)
    assert PortNote.objects.get().created_by == admin_user


def test_an_equal_put_changes_nothing(put):
    first = put({"title": "Shop", "tags": ["web"]})

    second = put({"title": "Shop", "tags": ["web"]})

    assert (first.status_code, second.status_code) == (201, 200)
    assert (second["ETag"], second.json()) == (first["ETag"], first.json())
    assert history() == [("+", "admin", None, "Shop")]


def test_what_was_read_can_be_changed_and_put_back_whole(put, admin_client):
    put({"title": "Shop"})
    read = admin_client.get(SHOP).json()

    answer = put(read | {"owner": "alice"})

    assert (answer.status_code, answer.json()["owner"], answer["ETag"]) == (200, "alice", '"2"')


def test_a_put_replaces_all_of_a_note(put):
    put({"title": "Shop", "owner": "alice", "tags": ["web"], "review_by": "2027-01-01"})

    answer = put({"title": "The shop"})

    note = PortNote.objects.get()
    assert (answer.status_code, note.title, note.owner, note.tags) == (200, "The shop", "", [])
    assert (note.review_by, note.version) == (None, 2)
    assert history() == [("+", "admin", None, "Shop"), ("~", "admin", None, "The shop")]


def test_a_patch_changes_what_it_says(put, admin_client):
    put({"title": "Shop", "owner": "alice"})

    answer = admin_client.patch(SHOP, {"owner": "bob"}, JSON)
    again = admin_client.patch(SHOP, {"owner": "bob"}, JSON)

    assert (answer.status_code, again.status_code) == (200, 200)
    assert (answer.json()["title"], answer.json()["owner"]) == ("Shop", "bob")
    assert (answer["ETag"], again["ETag"]) == ('"2"', '"2"')


def test_of_no_note_there_is_nothing_to_patch(admin_client):
    answer = admin_client.patch(SHOP, {"owner": "bob"}, JSON)

    assert answer.status_code == 404
    assert answer.json()["detail"] == "There is no note about 80/tcp on atlas."
    assert PortNote.objects.count() == 0


def test_a_note_is_deleted_once(put, admin_client):
    put({"title": "Shop"})

    answers = [admin_client.delete(SHOP) for _once_more in range(2)]

    assert [answer.status_code for answer in answers] == [204, 404]
    assert answers[0].content == b""
    assert admin_client.get(SHOP).status_code == 404
    assert history() == [("+", "admin", None, "Shop"), ("-", "admin", None, "Shop")]


def test_a_note_of_every_host_has_an_address_too(put, admin_client, write_note):
    write_note(80, title="Own")

    put({"title": "Of all"}, f"{NOTES}*/tcp/80/")

    assert admin_client.get(f"{NOTES}%2A/tcp/80/").json()["host_id"] == EVERY_HOST
    assert admin_client.get(SHOP).json()["title"] == "Own"


def test_the_note_of_every_host_is_not_that_of_one_host(put, admin_client):
    put({"title": "Of all"}, f"{NOTES}*/tcp/80/")

    assert admin_client.get(SHOP).status_code == 404


def test_a_version_never_comes_twice_at_an_address(put, admin_client):
    put({"title": "Shop"})
    admin_client.delete(SHOP)

    answer = put({"title": "Another"})

    assert answer.status_code == 201
    assert int(answer["ETag"].strip('"')) > 1


@pytest.mark.parametrize(
    "path",
    [
        "at las/tcp/80",
        "-atlas/tcp/80",
        f"{'x' * 65}/tcp/80",
        "**/tcp/80",
        "atlas/icmp/80",
        "atlas/TCP/80",
        "atlas/tcp/0",
        "atlas/tcp/080",
        "atlas/tcp/65536",
        "atlas/tcp/99999999999999999999",
        "atlas/tcp/%C2%B2",
        "atlas/tcp/-1",
        "atlas%00/tcp/80",
        "%FF/tcp/80",
        "%ED%A0%80/tcp/80",
    ],
)
@pytest.mark.parametrize("method", ["get", "put", "patch", "delete"])
def test_an_address_about_which_no_note_can_be_is_none(method, path, admin_client):
    answer = admin_client.generic(method.upper(), f"{NOTES}{path}/", '{"title": "x"}', JSON)

    assert answer.status_code == 404
    assert PortNote.objects.count() == 0


@pytest.mark.parametrize(
    ("field", "other"), [("host_id", "elsewhere"), ("protocol", "udp"), ("port", 81)]
)
@pytest.mark.parametrize("method", ["put", "patch"])
def test_the_key_in_a_body_is_that_of_its_address(method, field, other, admin_client, write_note):
    write_note(80)

    right = getattr(admin_client, method)(SHOP, {"title": "New"} | KEY, JSON)
    wrong = getattr(admin_client, method)(SHOP, {"title": "Bad", field: other}, JSON)

    assert (right.status_code, wrong.status_code) == (200, 409)
    assert errors(wrong) == {f"#/{field}": f"The address says {KEY[field]}."}
    assert PortNote.objects.get().title == "New"


@pytest.mark.parametrize(
    ("header", "before", "after"),
    [
        ('"1"', 200, 412),
        ('"7", "1"', 200, 412),
        ('"a,b" , "1"', 200, 412),
        ('"1,2"', 412, 412),
        ('""', 412, 412),
        ("*", 200, 200),
        ('"2"', 412, 200),
        ('W/"1"', 412, 412),
        ('"1-gzip"', 412, 412),
    ],
)
def test_only_on_what_was_read_it_is_written(header, before, after, put, write_note):
    write_note(80)

    first = put({"title": "Mine"}, **{"if-match": header})
    PortNote.objects.update(version=2)
    second = put({"title": "Mine once more"}, **{"if-match": header})

    assert (first.status_code, second.status_code) == (before, after)


@pytest.mark.parametrize("method", ["put", "patch", "delete"])
def test_who_read_an_older_version_is_told_which_is_there(method, admin_client, write_note):
    write_note(80, version=3)

    answer = getattr(admin_client, method)(
        SHOP, {"title": "Late"}, JSON, headers={"if-match": '"2"'}
    )

    assert (answer.status_code, answer["ETag"]) == (412, '"3"')
    assert answer.json()["type"] == "/api/v1/problems/changed/"
    assert PortNote.objects.get().title == "Reason 80"


def test_on_a_note_that_is_gone_nothing_is_put(put):
    answer = put({"title": "Shop"}, **{"if-match": '"1"'})

    assert (answer.status_code, "ETag" in answer) == (412, False)
    assert PortNote.objects.count() == 0


def test_who_wants_to_be_the_first_is_told_that_he_is_not(put):
    answers = [put({"title": title}, **{"if-none-match": "*"}) for title in ("First", "Second")]

    assert [answer.status_code for answer in answers] == [201, 412]
    assert PortNote.objects.get().title == "First"


@pytest.mark.parametrize("header", ["if-match", "if-none-match"])
@pytest.mark.parametrize("value", ["1", "", "'1'", "\xff", '"1', '"1", 2', '*, "1"', "**"])
def test_a_condition_that_cannot_be_read_is_not_passed_over(header, value, put, write_note):
    write_note(80)

    answer = put({"title": "Mine"}, **{header: value})

    assert (answer.status_code, answer.json()["type"]) == (400, "/api/v1/problems/malformed/")
    assert PortNote.objects.get().title == "Reason 80"


def test_without_a_condition_the_last_writer_wins(put):
    put({"title": "First"})

    answer = put({"title": "Second"})

    assert (answer.status_code, PortNote.objects.get().title) == (200, "Second")


def test_what_was_read_before_is_not_sent_again(put, admin_client):
    put({"title": "Shop"})
    etags = [admin_client.get(path)["ETag"] for path in (SHOP, NOTES)]

    same = [
        admin_client.get(path, headers={"if-none-match": etag})
        for path, etag in zip((SHOP, NOTES), etags, strict=True)
    ]
    put({"title": "The shop"})
    others = [
        admin_client.get(path, headers={"if-none-match": etag})
        for path, etag in zip((SHOP, NOTES), etags, strict=True)
    ]

    assert [answer.status_code for answer in same + others] == [304, 304, 200, 200]
    assert {answer["Cache-Control"] for answer in others} == {"private, no-cache"}


def test_a_note_is_made_once_by_its_list(admin_client):
    first, second = (admin_client.post(NOTES, KEY | {"title": "Shop"}, JSON) for _both in range(2))

    assert (first.status_code, first["Location"], first["ETag"]) == (201, SHOP, '"1"')
    assert (second.status_code, second["Location"], second["ETag"]) == (409, SHOP, '"1"')
    assert second.json()["detail"] == "There is already a note about 80/tcp on atlas."


HOSTILE = [
    ({"port": 0}, "port"),
    ({"port": 65536}, "port"),
    ({"port": 2**63}, "port"),
    ({"port": "x"}, "port"),
    ({"port": True}, "port"),
    ({"port": 80.5}, "port"),
    ({"port": None}, "port"),
    ({"port": [80]}, "port"),
    ({"protocol": "icmp"}, "protocol"),
    ({"protocol": {}}, "protocol"),
    ({"protocol": None}, "protocol"),
    ({"host_id": ""}, "host_id"),
    ({"host_id": "a b"}, "host_id"),
    ({"host_id": "x" * 65}, "host_id"),
    ({"title": "x" * 201}, "title"),
    ({"title": "nul \x00"}, "title"),
    ({"title": "half \ud800"}, "title"),
    ({"title": ["Shop"]}, "title"),
    ({"title": 5}, "title"),
    ({"title": True}, "title"),
    ({"port": "80"}, "port"),
    ({"host_id": 0}, "host_id"),
    ({"title": None}, "title"),
    ({"description": "x" * 20_001}, "description"),
    ({"description": {"a": 1}}, "description"),
    ({"owner": "x" * 101}, "owner"),
    ({"service_type": "shop"}, "service_type"),
    ({"service_type": ""}, "service_type"),
    ({"risk_level": "fine"}, "risk_level"),
    ({"risk_level": ["trusted"]}, "risk_level"),
    ({"expected_scope": "moon"}, "expected_scope"),
    ({"expected_scope": "\ud800"}, "expected_scope"),
    ({"tags": "web"}, "tags"),
    ({"tags": None}, "tags"),
    ({"tags": ["Web"]}, "tags"),
    ({"tags": ["web", "web"]}, "tags"),
    ({"tags": [1]}, "tags"),
    ({"tags": [["web"]]}, "tags"),
    ({"tags": ["nul \x00"]}, "tags"),
    ({"tags": ["x" * 51]}, "tags"),
    ({"tags": [f"x{number}" for number in range(31)]}, "tags"),
    ({"review_by": "tomorrow"}, "review_by"),
    ({"review_by": "2026-02-30"}, "review_by"),
    ({"review_by": 5}, "review_by"),
    ({"review_by": "0000-01-01"}, "review_by"),
    ({"titel": "Shop"}, "titel"),
    ({"id": 1}, "id"),
    ({"created_by": 1}, "created_by"),
    ({"": 1}, ""),
]


@pytest.mark.parametrize(("change", "field"), HOSTILE, ids=lambda value: json.dumps(value)[:30])
def test_a_bad_note_is_refused_with_the_field_that_is_wrong(change, field, admin_client):
    body = json.dumps(KEY | {"title": "Shop"} | change)

    answers = [
        admin_client.generic("POST", NOTES, body, JSON),
        admin_client.generic("PUT", SHOP, body, JSON),
    ]

    assert [answer.status_code for answer in answers] == [400, 400]
    assert [list(errors(answer)) for answer in answers] == [[f"#/{field}"]] * 2
    assert (PortNote.objects.count(), PortNote.history.count()) == (0, 0)


OF_FORM = [  # which has nothing but texts
    (change, field)
    for change, field in HOSTILE
    if field in {*NoteForm.Meta.fields} - {"tags"}
    and (isinstance(change[field], str) or field == "port")
    and change[field] != "80"
]


@pytest.mark.parametrize(("change", "field"), OF_FORM, ids=lambda value: json.dumps(value)[:30])
@pytest.mark.django_db
def test_what_the_api_refuses_the_form_refuses_too(change, field):
    if change[field] == "half \ud800":
        pytest.skip("a form cannot say it: what is posted is UTF-8")
    usual = {"service_type": "web", "risk_level": "expected", "tags": ""}

    form = NoteForm(KEY | {"title": "Shop"} | usual | change)

    assert list(form.errors) == [field]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("", [22, 53, 80, 443]),
        ("host_id=atlas", [22, 80, 443]),
        ("host_id=*", [53]),
        ("protocol=udp", [53]),
        ("port=80", [80]),
        ("port_range_min=53&port_range_max=80", [53, 80]),
        ("owner=alice", [80]),
        ("service_type=dns", [53]),
        ("risk_level=trusted", [80]),
        ("expected_scope=loopback", [22]),
        ("tag=web", [80, 443]),
        ("tag=we", []),
        ("stale=true", [22]),
        ("stale=false", [53, 80, 443]),
        ("never_seen=true", [53, 443]),
        ("never_seen=false", [22, 80]),
        ("updated_since=2999-01-01T00:00:00Z", []),
        ("search=shop", [80]),
        ("search=53/udp", [53]),
        ("tag=web&owner=alice", [80]),
        ("port=22,80-443", [22, 80, 443]),
        ("owner=alice&owner=", [22, 53, 80, 443]),
        ("limit=2&offset=1", [53, 80]),
        ("limit=1&offset=3", [443]),
        ("offset=99999999999999999999", []),
    ],
)
def test_notes_can_be_filtered(query, expected, admin_client, write_note, open_port):
    open_port(22)
    open_port(80)
    write_note(22, review_by=LONG_GONE, expected_scope="loopback")
    write_note(53, host_id="*", protocol="udp", service_type="dns", review_by=FAR_OFF)
    write_note(80, title="Shop", owner="alice", risk_level="trusted", tags=["web"])
    write_note(443, tags=["web", "tls"])

    answer = admin_client.get(f"{NOTES}?ordering=port&{query}")

    assert [note["port"] for note in answer.json()["results"]] == expected


@pytest.mark.parametrize(
    ("query", "name"),
    [
        ("port=x", "port"),
        ("port=80.5", "port"),
        ("port=99999999999999999999", "port"),
        ("port_range_min=1e400", "port_range_min"),
        ("limit=0", "limit"),
        ("stale=true&stale=false", "stale"),
        ("protocol=icmp", "protocol"),
        ("risk_level=fine", "risk_level"),
        ("stale=1", "stale"),
        ("never_seen=perhaps", "never_seen"),
        ("updated_since=yesterday", "updated_since"),
        ("owner=%00", "owner"),
        ("tag=%00", "tag"),
        ("host=atlas", "host"),
        ("=null", ""),
        ("owner__in=alice", "owner__in"),
        ("limit=x", "limit"),
        ("limit=-1", "limit"),
        ("offset=x", "offset"),
        ("ordering=risk", "ordering"),
    ],
)
def test_a_wrong_or_unknown_parameter_is_refused_by_name(query, name, admin_client, write_note):
    write_note(80)

    answer = admin_client.get(f"{NOTES}?{query}")

    assert answer.status_code == 400
    assert [error["parameter"] for error in answer.json()["errors"]] == [name]


@pytest.mark.parametrize("count", [1, 3])
def test_the_list_takes_two_statements_beside_who_asks(
    count, admin_client, write_note, django_assert_num_queries
):
    for number in range(count):
        write_note(80 + number)

    with django_assert_num_queries(4):  # session, user; how many, these
        admin_client.get(NOTES)


def test_a_put_takes_the_same_statements_for_one_field_and_for_all(put, django_assert_num_queries):
    put({"title": "Shop"})

    # Session and user; savepoint; which, lock; write and history; release.
    with django_assert_num_queries(8):
        put({"title": "The shop"})
    with django_assert_num_queries(6):
        put({"title": "The shop"})


def test_a_token_writes_in_the_name_of_its_user_and_is_named_in_the_history(client, token):
    headers = token(Scope.READ, Scope.WRITE_NOTES)

    client.put(SHOP, {"title": "Shop"}, JSON, headers=headers)
    client.patch(SHOP, {"title": "The shop"}, JSON, headers=headers)
    client.delete(SHOP, headers=headers)

    why = "by the token ansible"
    assert history() == [
        ("+", "admin", why, "Shop"),
        ("~", "admin", why, "The shop"),
        ("-", "admin", why, "The shop"),
    ]


def test_who_may_write_but_not_read_reads_nothing(client, token, write_note):
    write_note(80, title="Secret")
    headers = token(Scope.WRITE_NOTES)

    read = client.get(SHOP, headers=headers)
    written = client.patch(SHOP, {"owner": "bob"}, JSON, headers=headers)
    created = client.put(f"{NOTES}atlas/tcp/81/", {}, JSON, headers=headers)

    assert [answer.status_code for answer in (read, written, created)] == [403, 204, 201]
    assert (written.content, created.content) == (b"", b"")


@pytest.mark.parametrize("method", ["put", "patch", "delete"])
def test_a_token_that_reads_writes_nothing(method, client, token, write_note):
    write_note(80)

    answer = getattr(client, method)(SHOP, {"title": "x"}, JSON, headers=token(Scope.READ))

    assert answer.status_code == 403
    assert PortNote.objects.get().title == "Reason 80"


@pytest.mark.parametrize(
    ("group", "expected"),
    [
        ("viewer", [200, 403, 403, 403, 403]),
        ("annotator", [200, 201, 200, 200, 403]),
        ("admin", [200, 201, 200, 200, 204]),
    ],
)
def test_the_groups_may_by_the_api_what_they_may_by_hand(
    group, expected, client, django_user_model, write_note
):
    user = django_user_model.objects.create_user("alice")
    user.groups.add(Group.objects.get(name=group))
    client.force_login(user)
    write_note(80)

    answers = [
        client.get(SHOP),
        client.post(NOTES, KEY | {"port": 81}, JSON),
        client.put(SHOP, {"title": "Put"}, JSON),
        client.patch(SHOP, {"title": "Patched"}, JSON),
        client.delete(SHOP),
    ]

    assert [answer.status_code for answer in answers] == expected


def test_a_browser_session_writes_only_with_its_csrf_token(admin_user):
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(admin_user)

    strict.get("/")
    csrf = strict.cookies["csrftoken"].value
    without = strict.put(SHOP, {"title": "Shop"}, JSON)
    with_token = strict.put(SHOP, {"title": "Shop"}, JSON, headers={"x-csrftoken": csrf})

    assert (without.status_code, with_token.status_code) == (403, 201)


@pytest.mark.parametrize("path", [NOTES, SHOP, f"{NOTES}bulk/"])
def test_options_tell_what_an_address_takes(path, admin_client):
    assert admin_client.options(path).status_code == 200


def test_the_address_of_a_note_is_made_of_its_key():
    assert reverse("api-note", args=["*", "udp", 53]) == f"{NOTES}*/udp/53/"
