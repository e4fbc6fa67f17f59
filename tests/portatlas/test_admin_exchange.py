"""Notes as files in the admin: exported as the list shows them, imported after a look."""

import re

import pytest
from django.contrib.auth.models import Permission
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from notes.exchange import formats
from notes.exchange.formats import Format
from notes.models import PortNote
from portatlas.admin import exchange, upload
from portatlas.admin.csv_export import UNKNOWN
from tests.notes import overtaken
from tests.portatlas.test_csp import InlineFinder

NOTES = "/admin/notes/portnote/"
FILES = f"{NOTES}files/"
IMPORT = f"{NOTES}import/"
CONFIRM = f"{NOTES}import/confirm/"

BY_HAND = "format: portatlas-notes\nversion: 1\nnotes:\n"
SHOP = f"{BY_HAND}- {{host_id: atlas, port: 80, title: Shop}}\n"
COMPOSE = "services:\n  db:\n    image: postgres:17\n    ports: ['127.0.0.1:5432:5432', 9]\n"


def send(client, text, name="notes.yaml", **said):
    data = text if isinstance(text, bytes) else text.encode()
    return client.post(IMPORT, {"file": SimpleUploadedFile(name, data)} | said)


def confirm(client, page, **said):
    return client.post(CONFIRM, {"carried": page.context["carried"]} | said)


def told(client):
    return [str(message) for message in client.get(NOTES).context["messages"]]


def titles():
    return dict(PortNote.objects.order_by("port").values_list("port", "title"))


@pytest.fixture
def log_in_with(django_user_model):
    """Return a function that logs somebody in who has these permissions."""

    def log_in_with(*permissions):
        user = django_user_model.objects.create_user("somebody", is_staff=True)
        user.user_permissions.set(Permission.objects.filter(codename__in=permissions))
        client = Client()
        client.force_login(user)
        return client

    return log_in_with


@pytest.mark.parametrize("form", Format)
def test_the_list_is_exported_as_it_is_filtered(form, admin_client, write_note):
    write_note(80, title="=Shop", owner="alice")
    write_note(81, title="Other", owner="bob")

    response = admin_client.get(f"{FILES}{form}/", {"q": "alice"})

    found = formats.load(formats.decode(response.content), form)
    assert [entry.said["title"] for entry in found.entries] == ["=Shop"]
    assert response["Content-Disposition"] == f'attachment; filename="portatlas-notes.{form}"'
    assert response["Content-Type"] == form.content_type


def test_the_page_of_files_keeps_the_filter(admin_client, write_note):
    write_note(80, owner="alice")
    write_note(81, owner="bob")

    page = admin_client.get(FILES, {"q": "alice"})

    assert page.context["count"] == 1
    assert re.findall(r'href="([^"]*\?q=alice)"', page.text) == [
        NOTES + "?q=alice",
        *(f"{FILES}{form}/?q=alice" for form in Format),
        f"{NOTES}export/?q=alice",
    ]


def test_a_filter_that_there_is_not_leads_back_to_the_list(admin_client):
    response = admin_client.get(f"{FILES}yaml/", {"nope": "1"}, follow=True)

    assert [str(message) for message in response.context["messages"]] == [UNKNOWN]


def test_a_format_that_there_is_not_is_not_found(admin_client):
    assert admin_client.get(f"{FILES}xlsx/").status_code == 404


def test_a_file_is_looked_at_before_it_is_written(admin_client, write_note):
    write_note(81, title="Old")

    page = send(admin_client, f"{SHOP}- {{host_id: atlas, port: 81, title: New}}\n")

    assert page.context["sentence"] == "1 note is new, 1 differs, 0 are the same."
    assert page.context["new"] == [{"name": "80/tcp on atlas", "title": "Shop"}]
    [conflict] = page.context["conflicts"]
    assert (conflict["line"], conflict["rows"]) == (5, [("title", "“Old”", "“New”")])
    assert titles() == {81: "Old"}


def test_what_was_looked_at_is_written(admin_client, admin_user):
    response = confirm(admin_client, send(admin_client, SHOP))

    assert response["Location"] == NOTES
    note = PortNote.objects.get()
    assert (note.title, note.created_by, note.history.get().history_change_reason) == (
        "Shop",
        admin_user,
        "imported from notes.yaml",
    )
    assert told(admin_client) == ["1 note is new, 0 replaced, 0 are the same."]


def test_the_file_wins_only_if_it_is_ticked(admin_client, write_note):
    write_note(80, title="Old")
    page = send(admin_client, SHOP)

    again = confirm(admin_client, page)

    assert "Nothing was written: tick below that the file wins" in again.text
    assert titles() == {80: "Old"}
    confirm(admin_client, again, replace="on")
    assert titles() == {80: "Shop"}


def test_what_somebody_changed_meanwhile_is_looked_at_once_more(admin_client, write_note):
    page = send(admin_client, SHOP)
    write_note(80, title="Somebody else's")

    again = confirm(admin_client, page, replace="on")

    assert "somebody changed these notes meanwhile" in again.text
    assert titles() == {80: "Somebody else's"}
    confirm(admin_client, again, replace="on")
    assert titles() == {80: "Shop"}


def test_who_is_always_overtaken_may_try_again(admin_client, monkeypatch):
    page = send(admin_client, SHOP)
    with monkeypatch.context() as patch:
        overtaken.always(patch)

        again = confirm(admin_client, page)

    assert again.context["refused"] == (
        "Others keep writing the same notes at the same moments. Nothing was written: try again."
    )
    assert titles() == {}
    confirm(admin_client, again)
    assert titles() == {80: "Shop"}


def test_where_nothing_differs_there_is_nothing_to_write(admin_client, write_note):
    write_note(80, title="Shop")

    page = send(admin_client, SHOP)

    assert "Nothing would change." in page.text
    assert "Write" not in re.findall(r'type="submit"[^>]*value="(\w+)', page.text)


@pytest.mark.parametrize("carried", ["", "nonsense", "e30:1abcde:xyz"])
def test_what_was_not_looked_at_is_not_written(carried, admin_client):
    response = admin_client.post(CONFIRM, {"carried": carried})

    assert response["Location"] == IMPORT
    assert PortNote.objects.count() == 0


def test_what_was_looked_at_an_hour_ago_is_not_written(admin_client, monkeypatch):
    page = send(admin_client, SHOP)
    monkeypatch.setattr(exchange, "HOUR", -1)

    response = confirm(admin_client, page)

    assert response["Location"] == IMPORT
    assert PortNote.objects.count() == 0


def test_a_draft_is_looked_at_with_what_it_leaves_out(admin_client):
    page = send(admin_client, COMPOSE, name="compose.yaml", host="atlas")
    confirm(admin_client, page)

    assert page.context["remarks"] == ("line 4: db: docker chooses the port for 9 when it starts.",)
    note = PortNote.objects.get()
    assert (note.key, note.title, note.service_type, note.expected_scope) == (
        ("atlas", "tcp", 5432),
        "db",
        "db",
        "loopback",
    )


def test_what_a_file_is_can_be_said(admin_client):
    page = send(admin_client, "port;service\n80;Shop\n", "list.txt", kind="portnote", host="atlas")

    assert page.context["new"] == [{"name": "80/tcp on atlas", "title": "Shop"}]


@pytest.mark.parametrize(
    ("text", "said", "field", "why"),
    [
        ("?", {}, "file", "What kind of file this is can't be told: say it."),
        (COMPOSE, {}, "file", "A compose file doesn't say on which host it runs: name it."),
        (b"\xff", {}, "file", "line 1: This is no UTF-8. Save it as UTF-8."),
        (f"{BY_HAND}- 1\n", {}, "file", "line 4: A note was expected here"),
        (f"checksum: x\n{SHOP}", {}, "edited", "Its checksum doesn't fit its notes"),
        (SHOP, {"host": "a/b"}, "host", "A host's name has letters"),
        (SHOP, {"kind": "pdf"}, "kind", "Select a valid choice"),
        (b"", {}, "file", "The submitted file is empty."),
    ],
)
def test_a_bad_file_is_told_beside_its_field(text, said, field, why, admin_client):
    page = send(admin_client, text, "upload", **said)

    assert list(page.context["form"].errors) == [field]
    assert why in " ".join(page.context["form"].errors[field])
    assert PortNote.objects.count() == 0


def test_an_edited_file_is_taken_if_it_is_said(admin_client):
    page = send(admin_client, f"checksum: x\n{SHOP}", edited="on")
    confirm(admin_client, page)

    assert titles() == {80: "Shop"}


def test_what_is_too_large_is_not_even_read(admin_client, monkeypatch):
    monkeypatch.setattr(exchange, "MOST_SENT", 100)

    page = send(admin_client, SHOP)

    assert page.status_code == 413
    assert page.context["refused"] == upload.TOO_LARGE


@pytest.mark.parametrize(("where", "limit"), [(upload, "MOST_BYTES"), (exchange, "MOST_CARRIED")])
def test_what_is_too_large_for_a_page_is_refused(where, limit, admin_client, monkeypatch):
    monkeypatch.setattr(where, limit, 10)

    page = send(admin_client, SHOP)

    assert "manage.py notes import" in page.text
    assert "carried" not in page.context


def test_long_lists_are_cut(admin_client, write_note, monkeypatch):
    monkeypatch.setattr(exchange, "SHOWN", 2)
    for port in range(1, 4):
        write_note(port)
    rows = "".join(f"- {{host_id: atlas, port: {port}, title: x}}\n" for port in range(1, 30))

    page = send(admin_client, BY_HAND + rows)

    assert (page.context["unshown"], page.context["unnamed"]) == (1, 6)


def test_hostile_words_stay_text_from_the_file_to_the_page(admin_client, write_note):
    write_note(80, title="Shop")

    page = send(
        admin_client,
        f"remarks: ['<script>alert(1)</script>']\n{BY_HAND}"
        "- {host_id: atlas, port: 80, title: '<script>alert(2)</script>'}\n"
        "- {host_id: atlas, port: 81, title: '<script>alert(3)</script>'}\n",
        "<script>alert(4)<script>.yaml",
    )

    assert page.text.count("&lt;script&gt;alert(") >= 3
    assert "<script>alert(" not in page.text


def test_a_form_of_somebody_else_is_refused(admin_user):
    client = Client(enforce_csrf_checks=True)
    client.force_login(admin_user)

    assert send(client, SHOP).status_code == 403
    assert client.post(CONFIRM).status_code == 403


def test_a_form_of_ours_is_taken(admin_user):
    client = Client(enforce_csrf_checks=True)
    client.force_login(admin_user)
    client.get(IMPORT)

    page = send(client, SHOP, csrfmiddlewaretoken=client.cookies["csrftoken"].value)

    assert page.status_code == 200


@pytest.mark.parametrize(
    "permissions",
    [
        ("view_port", "view_portnote"),
        ("view_port", "view_portnote", "add_portnote"),
        ("view_port", "view_portnote", "change_portnote"),
    ],
)
def test_who_may_not_write_notes_imports_none(permissions, log_in_with, write_note):
    client = log_in_with(*permissions)
    write_note(80)

    assert client.get(IMPORT).status_code == 403
    assert send(client, SHOP).status_code == 403
    assert client.post(CONFIRM).status_code == 403
    assert "Import…" not in client.get(NOTES).text
    assert client.get(f"{FILES}yaml/").status_code == 200


def test_who_may_not_read_notes_exports_none(log_in_with):
    client = log_in_with("view_port")

    assert client.get(FILES).status_code == 403
    assert client.get(f"{FILES}yaml/").status_code == 403


@pytest.mark.parametrize("address", [FILES, f"{FILES}yaml/", IMPORT, CONFIRM])
def test_who_is_not_logged_in_is_asked_to(address, client, db):
    response = client.get(address)

    assert response.status_code == 302
    assert "/login/?next=" in response["Location"]


def test_the_list_leads_to_both(admin_client, write_note):
    write_note(80)

    text = admin_client.get(NOTES, {"q": "Reason"}).text

    assert f'href="{FILES}?q=Reason"' in text
    assert f'href="{IMPORT}"' in text


@pytest.mark.parametrize("count", [1, 3])
def test_any_number_costs_the_same(count, admin_client, write_note, django_assert_num_queries):
    for port in range(1, 1 + count):
        write_note(port, title="Old")
    admin_client.get(NOTES)
    rows = "".join(
        f"- {{host_id: {host}, port: {port}, title: New}}\n"
        for port in range(1, 1 + count)
        for host in ("atlas", "other")
    )

    # Session, user, number, rows, ports; then the number once more, or the file.
    with django_assert_num_queries(6):
        admin_client.get(FILES)
    with django_assert_num_queries(6):
        admin_client.get(f"{FILES}yaml/")
    # Session, user.
    with django_assert_num_queries(2):
        admin_client.get(IMPORT)
    # ... the notes that are there.
    with django_assert_num_queries(3):
        page = send(admin_client, BY_HAND + rows)
    # ... and the writing: see tests.notes.test_exchange_import.
    with django_assert_num_queries(16):
        confirm(admin_client, page, replace="on")
    assert PortNote.objects.filter(title="New").count() == 2 * count


def test_no_page_needs_an_exception_from_the_policy(admin_client, write_note):
    write_note(80)
    pages = [admin_client.get(FILES), admin_client.get(IMPORT), send(admin_client, SHOP)]

    finder = InlineFinder()
    for page in pages:
        finder.feed(page.text)

    assert finder.found == []


def test_every_field_has_its_label_and_every_table_its_headings(admin_client, write_note):
    write_note(80)
    asked, looked = admin_client.get(IMPORT).text, send(admin_client, SHOP).text

    for text in (asked, looked):
        fields = re.findall(
            r'<(?:input type="(?:file|text|checkbox)"|select)[^>]* id="(\w+)"', text
        )
        labels = re.findall(r'<label[^>]*for="(\w+)"', text)
        assert set(fields) <= set(labels)
    table = looked[looked.index('<table class="differs">') :]
    assert table[: table.index("</table>")].count('scope="col"') == 4
