"""The same written into many notes at once, through a page that says what will change."""

import pytest
from django.contrib.auth.models import Permission

from notes import services
from notes.models import PortNote
from portatlas.admin.bulk import TOO_MANY
from tests.portatlas.test_csp import InlineFinder

PORTS = "/admin/portatlas/port/"
NOTES = "/admin/notes/portnote/"
ANNOTATE = "/admin/notes/portnote/annotate/"


@pytest.fixture
def choose(admin_client):
    """Return a function that ticks rows of a list and chooses an action."""

    def choose(address, action, rows, **extra):
        data = {"action": action, "index": "0", "_selected_action": [row.pk for row in rows]}
        return admin_client.post(address, data | extra)

    return choose


def told(response):
    return [str(message) for message in response.context["messages"]]


def test_the_page_says_what_will_change(choose, open_port, write_note):
    ports = [open_port(number) for number in (1, 2, 3)]
    write_note(1, title="Shop")
    write_note(2, host_id="*", title="SSH")

    response = choose(PORTS, "annotate", ports)

    preview = response.context["preview"]
    assert (preview.total, preview.changed, preview.inherited, preview.new) == (3, 1, 1, 1)
    assert {(line.name, line.title, line.fate) for line in preview.lines} == {
        ("1/tcp on atlas", "Shop", "its note changes"),
        (
            "2/tcp on atlas",
            "SSH",
            "gets a note of its own, which begins as the one for every host",
        ),
        ("3/tcp on atlas", "", "gets a new note"),
    }
    assert PortNote.objects.count() == 2


def test_the_page_names_the_first_twenty(choose, open_port):
    ports = [open_port(number) for number in range(1, 25)]

    preview = choose(PORTS, "annotate", ports).context["preview"]

    assert (len(preview.lines), preview.unnamed) == (20, 4)


@pytest.mark.parametrize("count", [1, 3])
def test_the_page_costs_the_same_for_any_number(
    count, choose, open_port, write_note, django_assert_num_queries
):
    ports = [open_port(number) for number in range(1, 1 + count)]
    write_note(1)
    choose(PORTS, "annotate", ports)

    # Session, user, the number of rows, keys, notes, owners, tags.
    with django_assert_num_queries(7):
        choose(PORTS, "annotate", ports)


@pytest.mark.parametrize(
    ("action", "field", "value"),
    [
        ("mark_trusted", "risk_level", "trusted"),
        ("mark_expected", "risk_level", "expected"),
        ("mark_suspicious", "risk_level", "suspicious"),
    ],
)
def test_marking_leads_to_the_form_with_the_risk_filled_in(action, field, value, choose, open_port):
    response = choose(PORTS, action, [open_port(1)])

    assert response.context["form"][field].value() == value


def test_assigning_an_owner_leads_to_the_field(choose, open_port, write_note):
    write_note(2, owner="alice")

    response = choose(PORTS, "assign_owner", [open_port(1)])

    assert "autofocus" in str(response.context["form"]["owner"])
    assert '<option value="alice">' in response.text


def annotate(client, keys, **said):
    return client.post(ANNOTATE, {"key": keys, "next": f"{PORTS}?state=unnoted"} | said)


def test_only_what_is_filled_in_changes(admin_client, admin_user, write_note):
    write_note(1, title="Shop", owner="alice", risk_level="suspicious", tags=["web"])
    write_note(2, host_id="*", title="SSH", owner="ops")
    keys = ["atlas/tcp/1@1", "atlas/tcp/2@0", "atlas/tcp/3@0"]

    response = annotate(admin_client, keys, risk_level="trusted", add_tags="prod web")

    assert response["Location"] == f"{PORTS}?state=unnoted"
    notes = PortNote.objects.filter(host_id="atlas").order_by("port")
    assert list(notes.values_list("title", "owner", "risk_level", "tags")) == [
        ("Shop", "alice", "trusted", ["web", "prod"]),
        ("SSH", "ops", "trusted", ["prod", "web"]),
        ("", "", "trusted", ["prod", "web"]),
    ]
    assert {note.updated_by for note in notes} == {admin_user}


def test_what_was_done_is_told(admin_client, write_note):
    write_note(1, risk_level="trusted")
    write_note(2)

    keys = ["atlas/tcp/1@1", "atlas/tcp/2@1", "atlas/tcp/3@0"]

    annotate(admin_client, keys, risk_level="trusted")

    assert told(admin_client.get(PORTS)) == [
        "1 note was made, 1 changed, 1 said it already; 1 of them was expected before."
    ]


def test_a_wrong_value_comes_back_with_what_was_typed(admin_client):
    response = annotate(admin_client, ["atlas/tcp/1"], owner="alice", review_by="soon")

    form = response.context["form"]
    assert set(form.errors) == {"review_by"}
    assert (form["owner"].value(), form["review_by"].value()) == ("alice", "soon")
    assert response.context["keys"] == ["atlas/tcp/1@0"]
    assert PortNote.objects.count() == 0


def test_an_empty_form_asks_for_something(admin_client):
    response = annotate(admin_client, ["atlas/tcp/1"])

    assert "Nothing is filled in, so nothing would change." in response.text


def test_too_many_tags_come_back_with_what_was_typed(admin_client, write_note):
    write_note(1, tags=[f"t{number}" for number in range(28)])

    response = annotate(admin_client, ["atlas/tcp/1@1"], owner="bob", add_tags="a b c")

    form = response.context["form"]
    assert form.errors == {"add_tags": ["A note has at most 30 tags."]}
    assert (form["owner"].value(), form["add_tags"].value()) == ("bob", "a b c")
    assert response.context["keys"] == ["atlas/tcp/1@1"]
    assert PortNote.objects.get().owner == ""


def test_the_second_of_two_people_is_told_and_overwrites_nothing(
    choose, admin_client, open_port, write_note
):
    ports = [open_port(number) for number in (1, 2, 3)]
    note = write_note(1)
    page = choose(PORTS, "assign_owner", ports)
    note.owner = "alice"
    services.save(note, by=None, seen=1)
    write_note(2, owner="carol")

    annotate(admin_client, page.context["keys"], owner="bob")

    assert list(PortNote.objects.values_list("port", "owner").order_by("port")) == [
        (1, "alice"),
        (2, "carol"),
        (3, "bob"),
    ]
    assert told(admin_client.get(PORTS)) == [
        "1 note was made, 0 changed.",
        "Left alone: 2/tcp on atlas, 1/tcp on atlas. Somebody else changed them meanwhile.",
    ]


def test_where_somebody_else_changed_all_only_that_is_told(admin_client, write_note):
    for number in range(1, 8):
        write_note(number, version=2)

    annotate(admin_client, [f"atlas/tcp/{number}@1" for number in range(1, 8)], owner="bob")

    assert told(admin_client.get(PORTS)) == [
        (
            "Left alone: 1/tcp on atlas, 2/tcp on atlas, 3/tcp on atlas, 4/tcp on atlas, "
            "5/tcp on atlas and 2 more. Somebody else changed them meanwhile."
        )
    ]


def test_what_was_read_first_counts_however_often_the_page_asks(admin_client, write_note):
    write_note(1, version=2)

    page = annotate(admin_client, ["atlas/tcp/1@1"], review_by="soon")
    annotate(admin_client, page.context["keys"], owner="bob")

    assert PortNote.objects.get().owner == ""


def test_notes_are_annotated_from_their_own_list(choose, admin_client, write_note):
    notes = [write_note(1), write_note(2, host_id="*")]

    page = choose(NOTES, "annotate", notes)
    annotate(admin_client, page.context["keys"], owner="bob")

    assert set(PortNote.objects.values_list("host_id", "owner")) == {
        ("atlas", "bob"),
        ("*", "bob"),
    }


def test_all_pages_of_a_list_are_chosen_up_to_a_limit(choose, open_port, monkeypatch):
    monkeypatch.setattr(services, "MOST", 60)
    ports = [open_port(number) for number in range(1, 61)]

    fits = choose(PORTS, "annotate", ports[:1], select_across="1")
    open_port(61)
    beyond = choose(PORTS, "annotate", ports[:1], select_across="1", follow=True)

    assert fits.context["preview"].total == 60
    assert beyond.status_code == 302


def test_beyond_the_limit_nothing_is_written(admin_client):
    keys = [f"atlas/tcp/{port}" for port in range(1, services.MOST + 2)]

    annotate(admin_client, keys, owner="bob")

    assert PortNote.objects.count() == 0
    assert told(admin_client.get(PORTS)) == [TOO_MANY]


def test_who_may_not_write_is_offered_nothing_and_refused(client, django_user_model, open_port):
    viewer = django_user_model.objects.create_user("viewer", is_staff=True)
    viewer.user_permissions.set(
        Permission.objects.filter(codename__in=["view_port", "view_portnote"])
    )
    client.force_login(viewer)
    open_port(1)

    page = client.get(PORTS)
    response = annotate(client, ["atlas/tcp/1"], owner="bob")

    assert "Annotate…" not in page.text
    assert (response.status_code, PortNote.objects.count()) == (403, 0)


def test_nothing_is_written_by_a_link(admin_client):
    assert admin_client.get(ANNOTATE).status_code == 405


@pytest.mark.parametrize(
    ("asked", "location"),
    [
        ("https://example.org/", "/"),
        ("//example.org", "/"),
        ("javascript:alert(1)", "/"),
        # No name of a view is looked up.
        ("nowhere", "nowhere"),
        ("admin:index", "/"),
    ],
)
def test_the_way_back_stays_here(asked, location, admin_client):
    response = annotate(admin_client, ["atlas/tcp/1"], owner="bob", next=asked)

    assert (response.status_code, response["Location"]) == (302, location)


def test_the_page_that_asks_again_leads_back_to_an_address(admin_client):
    response = annotate(admin_client, ["atlas/tcp/1"], next="https://example.org/")

    assert '<a href="/" class="closelink">' in response.text


def test_the_page_needs_no_exception_from_the_policy(choose, open_port):
    finder = InlineFinder()

    finder.feed(choose(PORTS, "annotate", [open_port(1)]).text)

    assert finder.found == []
