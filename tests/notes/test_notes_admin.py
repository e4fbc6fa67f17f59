"""The admin of notes: nobody writes over another's words, and nothing that was typed is lost."""

import pytest
from django.contrib.contenttypes.models import ContentType

from notes import services
from notes.admin import PortNoteAdmin
from notes.models import PortNote
from tests.conftest import NOON

NOTES = "/admin/notes/portnote/"
ADD = f"{NOTES}add/"


@pytest.fixture
def typed():
    return {
        "host_id": "atlas",
        "protocol": "tcp",
        "port": "80",
        "title": "Mine",
        "description": "what I typed",
        "service_type": "web",
        "risk_level": "expected",
        "tags": "web, prod",
    }


@pytest.fixture
def other(django_user_model):
    return django_user_model.objects.create_user("bob")


def change(note):
    return f"{NOTES}{note.pk}/change/"


def test_a_note_is_written_in_the_name_of_its_writer(admin_client, admin_user, typed):
    response = admin_client.post(ADD, typed)

    note = PortNote.objects.get()
    assert response.status_code == 302
    assert (note.created_by, note.tags) == (admin_user, ["web", "prod"])
    assert note.history.get().history_user == admin_user


def test_the_form_offers_what_others_wrote(admin_client, write_note):
    write_note(81, owner="alice", tags=["cache"])

    text = admin_client.get(ADD).text

    assert 'list="known-id_owner"' in text
    assert '<option value="alice">' in text
    assert '<option value="cache">' in text


def test_the_second_of_two_is_told_and_keeps_what_he_typed(admin_client, write_note, other, typed):
    note = write_note(80)
    theirs = PortNote.objects.get()
    theirs.title = "Theirs"
    services.save(theirs, by=other, seen=1)

    response = admin_client.post(change(note), typed | {"seen": "1"})

    form = response.context["adminform"].form
    assert "bob saved this note while you were writing" in response.text
    assert (form["title"].value(), form["seen"].value()) == ("Mine", 2)
    assert PortNote.objects.get().title == "Theirs"


@pytest.fixture
def hurry(monkeypatch):
    """
    Return a function that lets somebody be faster, after the form was judged and before the lock.

    What he writes then is in the transaction that fails with it; so he writes it once more.
    """

    def hurry(faster):
        save_form, still_there, asked = PortNoteAdmin.save_form, PortNoteAdmin._still_there, []

        def saved(self, request, form, change):
            faster()
            return save_form(self, request, form, change)

        def there(self, request, object_id):
            asked.append(object_id)
            if len(asked) == 2:
                faster()
            return still_there(self, request, object_id)

        monkeypatch.setattr(PortNoteAdmin, "save_form", saved)
        monkeypatch.setattr(PortNoteAdmin, "_still_there", there)

    return hurry


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("host_id", "my host"),
        ("host_id", "x/y"),
        ("host_id", "a" * 65),
        ("port", "99999999"),
        ("port", "-5"),
        ("port", "0"),
        ("protocol", "icmp"),
    ],
)
def test_what_names_no_port_is_explained_and_kept(field, value, admin_client, write_note, typed):
    note = write_note(80)

    response = admin_client.post(change(note), typed | {"seen": "1", field: value})

    form = response.context["adminform"].form
    assert response.status_code == 200
    assert field in form.errors
    assert form[field].value() == value
    assert PortNote.objects.get().key == ("atlas", "tcp", 80)


def test_a_race_for_the_lock_is_told_and_keeps_what_was_typed(
    admin_client, write_note, typed, hurry
):
    note = write_note(80)
    hurry(lambda: PortNote.objects.filter(pk=note.pk).update(title="Theirs", version=2))

    response = admin_client.post(change(note), typed | {"seen": "1"})

    assert "saved this note while you were writing" in response.text
    assert response.context["adminform"].form["title"].value() == "Mine"
    assert PortNote.objects.get().title == "Theirs"


def test_a_race_for_the_key_is_told_and_keeps_what_was_typed(
    admin_client, write_note, typed, hurry
):
    hurry(lambda: write_note(80, title="Theirs"))

    response = admin_client.post(ADD, typed)

    assert "There is already a note about this port of this host." in response.text
    assert response.context["adminform"].form["title"].value() == "Mine"
    assert PortNote.objects.get().title == "Theirs"


def test_what_was_typed_about_a_note_deleted_meanwhile_is_kept(
    admin_client, write_note, other, typed
):
    note = write_note(80)
    address = change(note)
    services.delete(note, by=other, seen=1)

    told = admin_client.post(address, typed | {"seen": "1"})
    again = admin_client.post(address, typed)

    assert "Somebody deleted this note while you were writing" in told.text
    assert told.context["adminform"].form["description"].value() == "what I typed"
    assert not told.context["adminform"].form["seen"].value()
    assert (again.status_code, PortNote.objects.get().title) == (302, "Mine")


def test_a_note_is_deleted_in_the_name_of_who_did_it(admin_client, admin_user, write_note):
    note = write_note(80)
    page = admin_client.get(f"{NOTES}{note.pk}/delete/")

    admin_client.post(f"{NOTES}{note.pk}/delete/", {"post": "yes", "seen": "1"})

    assert 'name="seen" value="1"' in page.text
    assert not PortNote.objects.exists()
    assert PortNote.history.latest().history_user == admin_user


def test_a_note_is_not_deleted_unread(admin_client, write_note, other):
    note = write_note(80)
    services.save(PortNote.objects.get(), by=other, seen=1)

    response = admin_client.post(
        f"{NOTES}{note.pk}/delete/", {"post": "yes", "seen": "1"}, follow=True
    )

    assert "It was not deleted: read it again first." in response.text
    assert PortNote.objects.exists()


def test_many_notes_are_deleted_in_the_name_of_who_did_it(admin_client, admin_user, write_note):
    notes = [write_note(80), write_note(81)]
    data = {"action": "delete_selected", "post": "yes"}

    admin_client.post(NOTES, data | {"_selected_action": [note.pk for note in notes]})

    assert not PortNote.objects.exists()
    deleted = PortNote.history.filter(history_type="-")
    assert [record.history_user for record in deleted] == [admin_user, admin_user]


def test_of_many_notes_none_is_deleted_if_somebody_changed_one(
    admin_client, write_note, monkeypatch
):
    notes = [write_note(80), write_note(81)]
    delete_many = services.delete_many

    def late(read, **terms):
        PortNote.objects.filter(port=81).update(version=2)
        delete_many(read, **terms)

    monkeypatch.setattr(services, "delete_many", late)
    data = {"action": "delete_selected", "post": "yes"}

    response = admin_client.post(
        NOTES, data | {"_selected_action": [note.pk for note in notes]}, follow=True
    )

    assert "Nothing was deleted." in response.text
    assert PortNote.objects.count() == 2
    assert not PortNote.history.filter(history_type="-").exists()


@pytest.mark.parametrize("count", [1, 10])
def test_deleting_many_notes_costs_the_same_for_any_number(
    count, admin_client, write_note, django_assert_num_queries
):
    rows = [write_note(number).pk for number in range(1000, 1000 + count)]
    data = {"action": "delete_selected", "post": "yes", "_selected_action": rows}
    ContentType.objects.clear_cache()  # the admin asks for one, once in a process

    # Session, user; in a transaction the list (number, rows, ports) and what is chosen of it
    # (any, all), the content type, the log; in another the lock, the history, the deletion.
    with django_assert_num_queries(16):
        admin_client.post(NOTES, data)

    assert not PortNote.objects.exists()


def test_more_notes_than_are_deleted_at_once_are_deleted_too(admin_client, write_note, monkeypatch):
    monkeypatch.setattr(services, "MOST", 2)
    rows = [write_note(number).pk for number in range(1, 6)]
    data = {"action": "delete_selected", "post": "yes", "_selected_action": rows}

    admin_client.post(NOTES, data)

    assert not PortNote.objects.exists()
    assert PortNote.history.filter(history_type="-").count() == 5


def test_many_notes_leave_the_history_that_each_would_leave(write_note, other):
    words = {"title": "Shop", "tags": ["web"], "review_by": NOON.date(), "description": "one"}
    alone, among = write_note(80, **words), write_note(81, **words)

    services.delete(alone, by=other, seen=1)
    services.delete_many([among], by=other, at=NOON)

    one, other_one = PortNote.history.filter(history_type="-").order_by("port").values()
    own = ("id", "port", "history_id", "history_date")
    assert {name: other_one[name] for name in one if name not in own} == {
        name: one[name] for name in one if name not in own
    }
    assert (other_one["id"], other_one["history_date"]) == (among.pk, NOON)


def test_notes_that_somebody_deleted_are_told_too(write_note, other):
    notes = [write_note(80), write_note(81)]
    PortNote.objects.get(port=80).delete()

    with pytest.raises(services.NoteChangedError):
        services.delete_many(notes, by=other, at=NOON)

    assert PortNote.objects.count() == 1


def test_only_so_many_notes_are_deleted_at_once(write_note, other, monkeypatch):
    monkeypatch.setattr(services, "MOST", 1)

    with pytest.raises(ValueError, match="At most 1 notes"):
        services.delete_many([write_note(80), write_note(81)], by=other, at=NOON)

    assert PortNote.objects.count() == 2


def test_no_notes_are_deleted_in_silence(other):
    services.delete_many([], by=other, at=NOON)

    assert not PortNote.history.exists()


def versions(note):
    return [each.pk for each in note.history.order_by("pk")]


def test_the_history_tells_who_changed_what(admin_client, write_note, other):
    note = write_note(80, title="Shop")
    note.title, note.description = "Shop front", "<b>bold</b>"
    services.save(note, by=other, seen=1)

    text = admin_client.get(f"{NOTES}{note.pk}/history/").text

    assert "bob" in text
    assert "Shop → Shop front" in text
    assert "<b>bold</b>" not in text


def test_an_earlier_version_is_brought_back_by_its_form(
    admin_client, admin_user, write_note, other
):
    note = write_note(80, title="Shop")
    note.title = "Shop front"
    services.save(note, by=other, seen=1)
    address = f"{NOTES}{note.pk}/history/{versions(note)[0]}/"

    form = admin_client.get(address).context["adminform"].form
    shown = {name: form[name].value() or "" for name in form.fields}
    response = admin_client.post(address, shown)

    assert response.status_code == 302
    note.refresh_from_db()
    assert (note.title, note.version, note.updated_by) == ("Shop", 3, admin_user)


def test_a_deleted_note_is_not_brought_back_over_nothing(admin_client, write_note, other):
    note = write_note(80)
    pk = note.pk
    first = versions(note)[0]
    services.delete(note, by=other, seen=1)
    address = f"{NOTES}{pk}/history/{first}/"

    form = admin_client.get(address).context["adminform"].form
    shown = {name: form[name].value() or "" for name in form.fields}
    response = admin_client.post(address, shown, follow=True)

    assert response.status_code == 200
    assert not PortNote.objects.exists()


@pytest.mark.parametrize("page", ["abc/history/", "1/history/abc/", "99/history/", "²/history/"])
def test_odd_addresses_of_a_history_are_not_found(page, admin_client):
    assert admin_client.get(f"{NOTES}{page}").status_code == 404
