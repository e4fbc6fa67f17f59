import pytest
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction

from notes import tags
from notes.models import PortNote


@pytest.mark.parametrize(
    ("typed", "words"),
    [
        ("", []),
        ("web", ["web"]),
        (" Web,  prod web,,Shop ", ["web", "prod", "shop"]),
    ],
)
def test_tags_are_read_as_people_type_them(typed, words):
    assert tags.parse(typed) == words


@pytest.mark.parametrize(
    "value", ["web", {"web": 1}, [1], ["Web"], ["a b"], ["a", "a"], ["-a"], None]
)
def test_what_is_no_list_of_words_is_no_tags(value):
    with pytest.raises(ValidationError):
        tags.validate(value)


@pytest.mark.parametrize(
    ("fields", "constraint"),
    [
        ({"port": 0}, "notes_portnote_port_in_range"),
        ({"port": 65536}, "notes_portnote_port_in_range"),
        ({"protocol": "sct"}, "notes_portnote_protocol_valid"),
        ({"host_id": ""}, "notes_portnote_host_is_said"),
        ({"risk_level": "fine"}, "notes_portnote_risk_level_valid"),
        ({"expected_scope": "home"}, "notes_portnote_expected_scope_valid"),
    ],
)
@pytest.mark.django_db
def test_the_database_itself_refuses_what_can_not_be(fields, constraint):
    note = {"host_id": "atlas", "protocol": "tcp", "port": 80, "title": "x"} | fields

    with pytest.raises(IntegrityError, match=constraint), transaction.atomic():
        PortNote.objects.create(**note)


def test_one_port_has_one_note(write_note):
    write_note(80)

    with pytest.raises(IntegrityError), transaction.atomic():
        write_note(80)

    assert write_note(80, protocol="udp").pk != write_note(80, host_id="other").pk


@pytest.fixture
def form():
    """What a person types into the form of a note."""
    return {
        "host_id": "atlas",
        "protocol": "tcp",
        "port": "80",
        "title": "Shop",
        "service_type": "web",
        "risk_level": "trusted",
        "tags": "Prod, shop",
        "expected_scope": "private",
    }


def test_a_note_written_in_the_admin_says_who_wrote_it(admin_client, admin_user, form):
    admin_client.post("/admin/notes/portnote/add/", form)

    note = PortNote.objects.get()
    assert (note.title, note.tags, note.expected_scope) == ("Shop", ["prod", "shop"], "private")
    assert (note.created_by, note.updated_by) == (admin_user, admin_user)


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        ("port", "70000", "less than or equal to 65535"),
        ("port", "http", "Enter a whole number"),
        ("tags", "a!", "is no tag"),
        ("host_id", "", "This field is required"),
        ("host_id", "*a", "begins with a letter or a digit"),
        ("host_id", "a/b", "begins with a letter or a digit"),
    ],
)
def test_the_admin_explains_what_is_wrong_and_keeps_what_was_typed(
    field, value, said, admin_client, form
):
    response = admin_client.post("/admin/notes/portnote/add/", form | {field: value})

    assert said in response.text
    assert 'value="Shop"' in response.text
    assert PortNote.objects.count() == 0


def test_a_second_note_about_a_port_is_explained(admin_client, form, write_note):
    write_note(80)

    response = admin_client.post("/admin/notes/portnote/add/", form)

    assert "There is already a note about this port of this host." in response.text
