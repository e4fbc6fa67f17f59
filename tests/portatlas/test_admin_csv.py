"""Lists as files for spreadsheets."""

import csv
import io

import pytest
from django.contrib.auth.models import Permission

from portatlas.admin.csv_export import UNKNOWN, harmless

PORTS = "/admin/portatlas/port/export/"
NOTES = "/admin/notes/portnote/export/"


def table(response):
    return list(csv.DictReader(io.StringIO(response.getvalue().decode("utf-8-sig"))))


def test_ports_are_exported_with_what_is_known(admin_client, open_port, write_note):
    open_port(80, process_name="nginx", cmdline='nginx -g "daemon off;"')
    write_note(80, title="Shop, new", owner="Zoë", tags=["web", "prod"])

    response = admin_client.get(PORTS)

    assert response.streaming
    assert response["Content-Type"] == "text/csv; charset=utf-8"
    assert response["Content-Disposition"] == 'attachment; filename="ports.csv"'
    [row] = table(response)
    assert {name: row[name] for name in ("host", "port", "state", "title", "owner", "tags")} == {
        "host": "atlas",
        "port": "80",
        "state": "known",
        "title": "Shop, new",
        "owner": "Zoë",
        "tags": "web prod",
    }
    assert row["command"] == 'nginx -g "daemon off;"'


def test_a_file_is_as_rfc_4180_has_it_and_says_that_it_is_unicode(admin_client, write_note):
    write_note(80, title="Shop", description="one\ntwo")

    content = admin_client.get(NOTES).getvalue()

    assert content.startswith(b"\xef\xbb\xbfhost,protocol,port,title,")
    assert content.count(b"\r\n") == 2
    assert b'"one\ntwo"' in content


def test_notes_are_exported_too(admin_client, admin_user, write_note):
    write_note(80, host_id="*", title="Shop", created_by=admin_user)

    [row] = table(admin_client.get(NOTES))

    assert (row["host"], row["title"], row["written by"]) == ("*", "Shop", "admin")


def test_all_that_the_filter_shows_is_exported_beyond_one_page(admin_client, open_port):
    for number in range(1, 61):
        open_port(number)
    open_port(61, process_name="nginx")

    found = table(admin_client.get(PORTS, {"q": "sshd", "p": "2"}))

    assert sorted(int(row["port"]) for row in found) == list(range(1, 61))


def test_what_is_ticked_is_exported(admin_client, open_port):
    ports = [open_port(number) for number in (1, 2, 3)]
    data = {"action": "export_selected", "_selected_action": [ports[1].pk], "index": "0"}

    found = table(admin_client.post("/admin/portatlas/port/", data))

    assert [row["port"] for row in found] == ["2"]


@pytest.mark.parametrize("count", [1, 3])
@pytest.mark.parametrize(
    ("address", "queries"),
    # Session, user, and the number of rows, then all of them at once; a list of notes has read
    # its page and the ports of that before.
    [(PORTS, 4), (NOTES, 6)],
)
def test_any_number_of_rows_is_read_at_once(
    address, queries, count, admin_client, open_port, write_note, django_assert_num_queries
):
    for number in range(1, 1 + count):
        open_port(number)
        write_note(number)

    with django_assert_num_queries(queries):
        found = table(admin_client.get(address))

    assert len(found) == count


@pytest.mark.parametrize("count", [1, 7])
@pytest.mark.parametrize("how", ["get", "post"])
def test_who_wrote_the_notes_is_read_with_them(
    how, count, admin_client, django_user_model, write_note, django_assert_num_queries
):
    notes = [
        write_note(
            number,
            created_by=django_user_model.objects.create_user(f"writer-{number}"),
            updated_by=django_user_model.objects.create_user(f"changer-{number}"),
        )
        for number in range(1, 1 + count)
    ]
    ticked = {"action": "export_selected", "_selected_action": [note.pk for note in notes]}

    # Session, user, number, rows, ports, and the file; an action is a transaction besides.
    with django_assert_num_queries(6 if how == "get" else 8):
        found = table(
            admin_client.get(NOTES)
            if how == "get"
            else admin_client.post("/admin/notes/portnote/", ticked | {"index": "0"})
        )

    assert sorted((row["written by"], row["changed by"]) for row in found) == [
        (f"writer-{number}", f"changer-{number}") for number in range(1, 1 + count)
    ]


@pytest.mark.parametrize(
    ("address", "query"),
    [
        (PORTS, "foo=bar"),
        (PORTS, "port__exact=x"),
        (PORTS, "tag="),
        (NOTES, "foo=bar"),
        (NOTES, "port__exact=x"),
        (NOTES, "state=xx"),
    ],
)
def test_what_the_list_can_not_be_filtered_by_gives_no_file_but_a_word(
    address, query, admin_client
):
    response = admin_client.get(f"{address}?{query}", follow=True)

    assert response.redirect_chain == [(address.removesuffix("export/"), 302)]
    assert [str(message) for message in response.context["messages"]] == [UNKNOWN]


@pytest.mark.parametrize(
    ("address", "query"), [(PORTS, "state=xx"), (NOTES, "tag="), (NOTES, "p=99")]
)
def test_what_the_list_takes_in_its_stride_is_exported(address, query, admin_client):
    assert table(admin_client.get(f"{address}?{query}")) == []


@pytest.mark.parametrize(
    "name", ["=1+1", "+1", "-1", "@SUM(1)", "\t=1", "\r=1", " =1", "a;=1", "a\t=1", "\uff1d1"]
)
def test_no_cell_is_a_formula(name):
    cells = harmless(name).replace("\t", ";").split(";")

    assert not any(
        cell.lstrip(" ").startswith(("=", "+", "-", "@", "\r", "\uff1d")) for cell in cells
    )
    assert harmless(name).replace("'", "") == name


def test_hostile_names_are_made_harmless_in_the_file(admin_client, open_port):
    open_port(80, process_name="=HYPERLINK(0)", cmdline="+cmd")

    [row] = table(admin_client.get(PORTS))

    assert (row["process"], row["command"]) == ("'=HYPERLINK(0)", "'+cmd")


@pytest.mark.parametrize("address", [PORTS, NOTES])
def test_who_may_not_see_gets_no_file(address, client, django_user_model):
    clerk = django_user_model.objects.create_user("clerk", is_staff=True)
    clerk.user_permissions.add(Permission.objects.get(codename="view_host"))
    client.force_login(clerk)

    assert client.get(address).status_code == 403
