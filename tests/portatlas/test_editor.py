"""The form of a note on the board: whose words it has, and what becomes of what is typed."""

import html
import re
from datetime import date

import pytest
from django.contrib.messages import get_messages

from notes import services
from notes.models import PortNote

HX = {"HX-Request": "true"}
ADDRESS = "/ports/atlas/tcp/80/note/"
TYPED = {
    "title": "Shop",
    "risk_level": "trusted",
    "owner": "alice",
    "service_type": "web",
    "tags": "prod, web",
    "expected_scope": "private",
    "review_by": "2027-01-01",
    "description": "Sells *things*.",
    "host_id": "atlas",
    "seen": "",
    "next": "/?q=x",
}


def told(response):
    return [str(message) for message in get_messages(response.wsgi_request)]


def values(response):
    form = response.context["form"]
    return {name: form[name].value() for name in form.fields}


def choices(response):
    return [value for value, _label in response.context["form"].fields["host_id"].choices]


def action(response):
    form = response.text.partition('class="editor"')[2]
    return html.unescape(re.search(r'action="([^"]*)"', form)[1])


def words():
    return sorted(PortNote.objects.values_list("host_id", "port", "title", "version"))


# ---- A new note


def test_a_new_note_is_written_with_all_that_was_typed(admin_client, admin_user, open_port):
    open_port(80)

    response = admin_client.post(ADDRESS, TYPED)

    note = PortNote.objects.get()
    assert (response.status_code, response["Location"]) == (302, "/?q=x")
    assert told(response) == ["The note about 80/tcp is saved."]
    assert (note.key, note.title, note.risk_level, note.owner) == (
        ("atlas", "tcp", 80),
        "Shop",
        "trusted",
        "alice",
    )
    assert (note.service_type, note.tags, note.expected_scope, note.review_by) == (
        "web",
        ["prod", "web"],
        "private",
        date(2027, 1, 1),
    )
    assert (note.description, note.created_by, note.version) == (
        "Sells *things*.",
        admin_user,
        1,
    )
    assert [row.history_user for row in note.history.all()] == [admin_user]


def test_in_its_card_the_form_comes_alone_and_answers_without_a_page(admin_client, open_port):
    open_port(80)

    form = admin_client.get(ADDRESS, headers=HX)
    saved = admin_client.post(ADDRESS, TYPED, headers=HX)

    assert form.text.strip().startswith("<form")
    assert "<html" not in form.text
    assert (saved.status_code, saved.content) == (204, b"")
    assert "The note about 80/tcp is saved." in admin_client.get("/").text


def test_what_was_seen_suggests_words_which_nobody_has_saved(admin_client, open_port):
    open_port(80, image="docker.io/library/postgres:17", scope="loopback")

    response = admin_client.get(ADDRESS)

    suggested = values(response)
    assert (suggested["title"], suggested["service_type"], suggested["expected_scope"]) == (
        "PostgreSQL",
        "db",
        "loopback",
    )
    assert "Suggested by the image docker.io/library/postgres:17." in response.text
    assert "Nothing is saved until you do." in response.text
    assert words() == []


def test_words_that_a_process_chose_stay_text(admin_client, open_port):
    open_port(80, container_name='"><script>x</script>', image='"><img src=x>')

    text = admin_client.get(ADDRESS).text

    assert "<script>x" not in text
    assert "<img src=x" not in text


def test_a_note_can_be_written_for_every_host_at_once(admin_client, open_port):
    open_port(80)

    admin_client.post(ADDRESS, TYPED | {"host_id": "*"})

    assert words() == [("*", 80, "Shop", 1)]


def test_a_note_for_every_host_is_there_only_once(admin_client, open_port, write_note):
    """Somebody else wrote it while this form was open; the port has no note of its own."""
    open_port(80)
    write_note(80, host_id="*", title="His")

    response = admin_client.post(f"{ADDRESS}?own=1", TYPED | {"host_id": "*"})

    assert response.status_code == 409
    assert "There is already a note about 80/tcp on every host." in html.unescape(response.text)
    assert values(response)["title"] == "Shop"
    assert words() == [("*", 80, "His", 1)]


def test_a_note_about_a_port_that_was_never_seen_can_be_written(admin_client, db):
    address = "/ports/unheard/udp/9000/note/"

    form = admin_client.get(address)
    admin_client.post(address, TYPED | {"host_id": "unheard"})

    assert form.status_code == 200
    assert (values(form)["title"], values(form)["host_id"]) == ("", "unheard")
    assert words() == [("unheard", 9000, "Shop", 1)]


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("title", "x" * 201, "at most 200 characters"),
        ("title", "a\x00b", "Null characters are not allowed"),
        ("owner", "x" * 101, "at most 100 characters"),
        ("risk_level", "known", "is not one of the available choices"),
        ("service_type", "\x00", "is not one of the available choices"),
        ("expected_scope", "moon", "is not one of the available choices"),
        ("review_by", "31.12.2026", "Enter a valid date"),
        ("tags", "fine, a!", "is no tag"),
        ("description", "a\x00b", "Null characters are not allowed"),
        ("host_id", "beta", "is not one of the available choices"),
        ("host_id", "", "This field is required"),
    ],
)
@pytest.mark.parametrize("headers", [{}, HX])
def test_what_can_not_be_saved_is_explained_and_everything_typed_is_kept(
    headers, name, value, said, admin_client, open_port
):
    open_port(80)
    typed = TYPED | {name: value}

    response = admin_client.post(ADDRESS, typed, headers=headers)

    assert response.status_code == 422
    assert said in response.text
    kept = values(response)
    assert {key: kept[key] for key in typed if key != "next"} == {
        key: text for key, text in typed.items() if key != "next"
    }
    assert 'aria-invalid="true"' in response.text
    assert words() == []


def test_an_empty_form_keeps_nothing_from_being_explained(admin_client, open_port):
    open_port(80)

    assert admin_client.post(ADDRESS, {}).status_code == 422


def test_after_an_error_nothing_is_said_to_be_suggested(admin_client, open_port):
    open_port(80, image="postgres:17")

    response = admin_client.post(ADDRESS, TYPED | {"tags": "a!"})

    assert "Suggested by" not in response.text


# ---- The note of a port


def test_a_note_is_edited_where_it_stands(admin_client, open_port, write_note):
    open_port(80)
    write_note(80, title="Old", tags=["a", "b"])

    form = admin_client.get(ADDRESS)
    admin_client.post(action(form), TYPED | {"seen": values(form)["seen"]})

    assert (values(form)["title"], values(form)["seen"]) == ("Old", 1)
    assert 'value="a, b"' in form.text
    assert words() == [("atlas", 80, "Shop", 2)]


def test_a_note_can_be_made_to_speak_for_every_host(admin_client, open_port, write_note):
    open_port(80)
    write_note(80, title="Old")

    admin_client.post(ADDRESS, TYPED | {"seen": 1, "host_id": "*"})

    assert words() == [("*", 80, "Shop", 2)]


def test_a_description_is_markdown_that_can_do_no_harm(admin_client, open_port):
    open_port(80)
    description = "**Keep.** <script>alert(1)</script> [x](javascript:alert(1))"

    admin_client.post(ADDRESS, TYPED | {"description": description})
    text = admin_client.get("/ports/atlas/tcp/80/").text

    assert "<strong>Keep.</strong>" in text
    assert "<script>alert" not in text
    assert 'href="javascript' not in text
    assert PortNote.objects.get().description == description


# ---- The note for every host


@pytest.fixture
def shared(open_port, write_note):
    """A port on two hosts, and the note that speaks for both."""
    open_port(80)
    open_port(80, host_id="beta")
    return write_note(80, host_id="*", title="Of all", owner="bob", tags=["x"], version=3)


def test_the_note_for_every_host_is_edited_as_such(shared, admin_client):
    form = admin_client.get(ADDRESS)
    response = admin_client.post(action(form), TYPED | {"host_id": "*", "seen": 3})

    assert "This note speaks for every host." in form.text
    assert (choices(form), values(form)["seen"]) == (["*"], 3)
    assert response.status_code == 302
    assert words() == [("*", 80, "Shop", 4)]


def test_its_words_are_lent_to_the_note_of_one_host(shared, admin_client):
    way = re.search(r'href="([^"]*\?own=1[^"]*)"', admin_client.get(ADDRESS).text)[1]

    form = admin_client.get(html.unescape(way))
    lent = values(form)
    response = admin_client.post(action(form), TYPED | {"seen": ""})

    assert (lent["title"], lent["owner"], lent["tags"], lent["host_id"], lent["seen"]) == (
        "Of all",
        "bob",
        "x",
        "atlas",
        None,
    )
    assert "Suggested by" not in form.text
    assert response.status_code == 302
    assert words() == [("*", 80, "Of all", 3), ("atlas", 80, "Shop", 1)]


def test_own_words_are_edited_whatever_speaks_for_the_others(shared, admin_client, write_note):
    write_note(80, title="Own")

    for address in (ADDRESS, f"{ADDRESS}?own=1"):
        form = admin_client.get(address)
        assert (values(form)["title"], choices(form)) == ("Own", ["atlas", "*"])


def test_the_note_for_every_host_has_a_form_of_its_own(shared, admin_client):
    for address in ("/ports/*/tcp/80/note/", "/ports/*/tcp/80/note/?own=1"):
        form = admin_client.get(address)
        assert (values(form)["title"], choices(form)) == ("Of all", ["*"])
        assert "The note about 80/tcp on every host" in form.text
        assert "?own=1&" not in form.text

    admin_client.post("/ports/*/tcp/80/note/", TYPED | {"host_id": "*", "seen": 3})

    assert words() == [("*", 80, "Shop", 4)]


def test_a_note_for_every_host_can_be_begun_without_any_host(admin_client, db):
    response = admin_client.post("/ports/*/tcp/80/note/", TYPED | {"host_id": "*"})

    assert response.status_code == 302
    assert words() == [("*", 80, "Shop", 1)]


def test_where_no_port_was_seen_the_note_for_every_host_speaks_too(admin_client, write_note):
    write_note(80, host_id="*", title="Of all")

    assert values(admin_client.get(ADDRESS))["title"] == "Of all"
    assert choices(admin_client.get(ADDRESS)) == ["*"]
    assert choices(admin_client.get(f"{ADDRESS}?own=1")) == ["atlas", "*"]
    assert values(admin_client.get(f"{ADDRESS}?own=1"))["title"] == "Of all"


# ---- Two people on one note


@pytest.fixture
def overtaken(open_port, write_note, django_user_model):
    """A note of version 2: somebody saved it after it was read."""
    open_port(80)
    note = write_note(80, title="Old", owner="alice", tags=["prod", "web"], service_type="web")
    note.title, note.tags = "Hers", ["prod"]
    carol = django_user_model.objects.create_user("carol")
    return services.save(note, by=carol, seen=1)


@pytest.mark.parametrize("headers", [{}, HX])
def test_the_second_of_two_people_is_told_what_differs_and_nothing_is_overwritten(
    headers, overtaken, admin_client
):
    response = admin_client.post(ADDRESS, TYPED | {"seen": 1}, headers=headers)

    text = html.unescape(response.text)
    assert response.status_code == 409
    assert "carol saved this note while you were writing." in text
    assert "It says now: Title: “Hers”; " in text
    assert "Tags: “prod”" in text
    assert "Owner: “" not in text  # both say alice
    assert values(response) | {"next": "/?q=x"} == TYPED | {"seen": 2}
    assert words() == [("atlas", 80, "Hers", 2)]


def test_to_save_once_more_is_his_decision(overtaken, admin_client):
    refused = admin_client.post(ADDRESS, TYPED | {"seen": 1})

    response = admin_client.post(ADDRESS, TYPED | {"seen": values(refused)["seen"]})

    assert response.status_code == 302
    assert words() == [("atlas", 80, "Shop", 3)]


def test_who_is_overtaken_twice_is_told_twice(overtaken, admin_client, admin_user):
    admin_client.post(ADDRESS, TYPED | {"seen": 1})
    overtaken.title = "Hers again"
    services.save(overtaken, by=admin_user, seen=2)

    response = admin_client.post(ADDRESS, TYPED | {"seen": 2})

    assert response.status_code == 409
    assert words() == [("atlas", 80, "Hers again", 3)]


@pytest.mark.parametrize("seen", ["", "nonsense", "-1", "99999999999999999999", "\x00"])
def test_a_version_that_nobody_has_read_overwrites_nothing(seen, overtaken, admin_client):
    """Without a version the note is taken for a new one."""
    response = admin_client.post(ADDRESS, TYPED | {"seen": seen})

    assert response.status_code in {409, 422}
    assert words() == [("atlas", 80, "Hers", 2)]


def test_who_says_the_same_is_told_so(overtaken, admin_client):
    hers = TYPED | {
        "title": "Hers",
        "tags": "prod",
        "risk_level": "expected",
        "expected_scope": "",
        "review_by": "",
        "description": "",
        "seen": 1,
    }

    response = admin_client.post(ADDRESS, hers)

    assert response.status_code == 409
    assert "It says what you say." in response.text


def test_of_two_who_write_the_first_note_the_second_is_told(admin_client, open_port, write_note):
    open_port(80)
    form = admin_client.get(ADDRESS)
    write_note(80, title="Hers")

    response = admin_client.post(action(form), TYPED | {"seen": values(form)["seen"] or ""})

    assert response.status_code == 409
    assert "Title: “Hers”" in response.text
    assert values(response)["title"] == "Shop"
    assert words() == [("atlas", 80, "Hers", 1)]


def test_who_writes_on_a_note_that_was_deleted_is_told(admin_client, open_port):
    open_port(80)

    refused = admin_client.post(ADDRESS, TYPED | {"seen": 4})
    untouched = words()
    saved = admin_client.post(ADDRESS, TYPED | {"seen": values(refused)["seen"]})

    assert refused.status_code == 409
    assert "Somebody deleted this note while you were writing." in refused.text
    assert (values(refused)["title"], untouched) == ("Shop", [])
    assert saved.status_code == 302
    assert words() == [("atlas", 80, "Shop", 1)]


def test_between_the_question_and_the_lock_nobody_is_overwritten(
    overtaken, admin_client, monkeypatch
):
    """The form has found the version that was read; then somebody else is faster."""
    save = services.save

    def overtake(note, *, by, seen):
        PortNote.objects.filter(pk=note.pk).update(title="Faster", version=9)
        return save(note, by=by, seen=seen)

    monkeypatch.setattr(services, "save", overtake)

    response = admin_client.post(ADDRESS, TYPED | {"seen": 2})

    assert response.status_code == 409
    assert "Somebody else changed or deleted this note meanwhile." in response.text
    assert values(response)["title"] == "Shop"
    assert words() == [("atlas", 80, "Faster", 9)]


def test_the_forms_offer_what_others_wrote(admin_client, open_port, write_note):
    open_port(80)
    write_note(1, owner="alice", tags=["prod", "web"])
    write_note(2, owner="alice", tags=["web"])
    write_note(3, owner='"><b>', tags=[])

    text = admin_client.get(ADDRESS).text
    owners, tags = (
        re.findall(r'<option value="([^"]*)"', part.partition("</datalist>")[0])
        for part in text.split("<datalist")[1:]
    )

    assert (owners, tags) == (["&quot;&gt;&lt;b&gt;", "alice"], ["prod", "web"])
