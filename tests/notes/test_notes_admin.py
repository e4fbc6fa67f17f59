"""The admin of notes: nobody writes over another's words, and nothing that was typed is lost."""

import pytest

from notes import services
from notes.admin import PortNoteAdmin
from notes.models import PortNote

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
    delete = services.delete

    def late(note, *, by, seen):
        delete(note, by=by, seen=seen if note.port == 80 else seen + 1)

    monkeypatch.setattr(services, "delete", late)
    data = {"action": "delete_selected", "post": "yes"}

    response = admin_client.post(
        NOTES, data | {"_selected_action": [note.pk for note in notes]}, follow=True
    )

    assert "Nothing was deleted." in response.text
    assert PortNote.objects.count() == 2


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
