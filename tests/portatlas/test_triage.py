"""What people do on the board: judge ports, annotate several, move notes, ask for a look."""

import re

import pytest
from django.contrib.auth.models import Permission
from django.contrib.messages import get_messages
from django.test import Client

from collector.models import Host, PortRuntime
from notes.models import PortNote
from notes.services import INHERITED, MOST
from portatlas.board import triage
from portatlas.celery import app
from tests.conftest import NOON

HX = {"HX-Request": "true"}
SEE = ("view_port", "view_portnote")
WRITE = ("add_portnote", "change_portnote")
OF_80 = "/ports/atlas/tcp/80/"
POSTS = ("/judge/", "/annotate/", f"{OF_80}note/", f"{OF_80}move/", "/look/")


def told(response):
    return [str(message) for message in get_messages(response.wsgi_request)]


def judge(client, risk, *ports, **data):
    return client.post("/judge/", {"judge": risk, "port": ports} | data)


def notes():
    return {note.key: (note.risk_level, note.version) for note in PortNote.objects.all()}


@pytest.fixture
def log_in(client, django_user_model):
    """Return a function that logs in a new user who has these permissions."""

    def log_in(*permissions, client=client):
        user = django_user_model.objects.create_user("somebody")
        user.user_permissions.set(Permission.objects.filter(codename__in=permissions))
        client.force_login(user)
        return client

    return log_in


# ---- Judging


def test_a_port_is_judged_by_one_button(admin_client, admin_user, open_port):
    open_port(80)
    button = re.search(r'name="judge"\s+value="(trusted [^"]*)"', admin_client.get("/").text)[1]

    response = admin_client.post("/judge/", {"judge": button, "next": "/?state=unnoted"})

    note = PortNote.objects.get()
    assert (response.status_code, response["Location"]) == (302, "/?state=unnoted")
    assert told(response) == ["80/tcp on atlas is trusted."]
    assert (note.key, note.risk_level) == (("atlas", "tcp", 80), "trusted")
    assert (note.created_by, note.updated_by) == (admin_user, admin_user)
    assert [row.history_user for row in note.history.all()] == [admin_user]


def test_a_script_gets_no_page_but_the_message_on_the_next_one(admin_client, open_port):
    open_port(80)

    response = admin_client.post("/judge/", {"judge": "trusted atlas/tcp/80@0"}, headers=HX)

    assert (response.status_code, response.content) == (204, b"")
    assert "80/tcp on atlas is trusted." in admin_client.get("/", headers=HX).text


def test_the_button_of_a_card_leaves_the_ticked_ones_alone(admin_client, open_port):
    open_port(80)
    open_port(81)

    judge(admin_client, "trusted atlas/tcp/80@0", "atlas/tcp/81@0")

    assert set(notes()) == {("atlas", "tcp", 80)}


def test_several_ports_are_judged_at_once(admin_client, open_port, write_note):
    for number in (80, 81, 82):
        open_port(number)
    open_port(80, host_id="beta", protocol="udp")
    write_note(81, risk_level="suspicious", title="Kept")

    response = judge(
        admin_client,
        "trusted",
        *("atlas/tcp/80@0", "atlas/tcp/81@1", "beta/udp/80@0"),
    )

    assert told(response) == ["3 ports are trusted; 1 of them was suspicious before."]
    assert notes() == {
        ("atlas", "tcp", 80): ("trusted", 1),
        ("atlas", "tcp", 81): ("trusted", 2),
        ("beta", "udp", 80): ("trusted", 1),
    }
    assert PortNote.objects.get(port=81).title == "Kept"


def test_what_is_judged_as_it_was_is_not_written(admin_client, open_port, write_note):
    open_port(80)
    write_note(80, risk_level="trusted")

    response = judge(admin_client, "trusted", "atlas/tcp/80@1")

    assert told(response) == ["80/tcp on atlas is trusted."]
    assert notes() == {("atlas", "tcp", 80): ("trusted", 1)}


def test_judging_many_tells_which_judgements_are_others_now(admin_client, open_port, write_note):
    write_note(4, host_id="*", risk_level="trusted")
    write_note(5, host_id="*")
    for number, risk in enumerate(("trusted", "suspicious", "expected"), start=1):
        write_note(number, risk_level=risk)
    for number in range(1, 7):
        open_port(number)
    tokens = [f"atlas/tcp/{number}@{int(number < 4)}" for number in range(1, 7)]

    response = judge(admin_client, "expected", *tokens)

    (text,) = told(response)
    assert text == (
        "6 ports are expected; 2 of them were trusted before, 1 suspicious. 2 of them have notes "
        "of their own now, in place of those for every host."
    )


def test_judging_where_the_note_for_every_host_speaks_makes_a_copy_for_this_host(
    admin_client, open_port, write_note
):
    open_port(22)
    open_port(22, host_id="beta")
    shared = write_note(
        22,
        host_id="*",
        description="Keys only.",
        owner="alice",
        service_type="remote",
        tags=["ssh"],
        expected_scope="any",
        review_by=NOON.date(),
    )

    response = judge(admin_client, "suspicious atlas/tcp/22@0")

    (text,) = told(response)
    assert text == (
        "22/tcp on atlas is suspicious; it was expected before. It has a note of its own now, in "
        "place of the one for every host."
    )
    own = PortNote.objects.get(host_id="atlas")
    assert own.risk_level == "suspicious"
    assert all(
        getattr(own, name) == getattr(shared, name) for name in INHERITED if name != "risk_level"
    )
    shared.refresh_from_db()
    assert (shared.risk_level, shared.version) == ("expected", 1)
    states = {port.host_id: port.state for port in triage.Port.objects.for_board(NOON)}
    assert states == {"atlas": "suspicious", "beta": "known"}


def test_what_is_suggested_is_not_saved_by_judging(admin_client, open_port):
    open_port(5432, image="docker.io/library/postgres:17", scope="loopback")
    form = admin_client.get("/ports/atlas/tcp/5432/note/").context["form"]

    judge(admin_client, "trusted atlas/tcp/5432@0")

    note = PortNote.objects.get()
    assert (form["title"].value(), form["service_type"].value()) == ("PostgreSQL", "db")
    assert (note.title, note.service_type, note.tags, note.expected_scope) == (
        "",
        "unknown",
        [],
        "",
    )


def test_at_most_five_hundred_are_judged_at_once_and_the_rest_is_told(admin_client, add_host):
    host = add_host()
    PortRuntime.objects.bulk_create(
        PortRuntime(
            host=host,
            protocol="tcp",
            port=number,
            first_seen_at=NOON,
            last_seen_at=NOON,
            active_since=NOON,
            scope="any",
            owner_state="known",
        )
        for number in range(1, MOST + 3)
    )

    response = judge(
        admin_client, "expected", *(f"atlas/tcp/{number}@0" for number in range(1, MOST + 3))
    )

    assert told(response) == [
        "500 ports are expected. 2 left alone: never seen, or more than 500 at once."
    ]
    assert PortNote.objects.count() == MOST


def test_a_form_of_more_than_a_thousand_fields_is_refused(admin_client):
    response = judge(admin_client, "expected", *(f"atlas/tcp/{n}@0" for n in range(1, 1100)))

    assert response.status_code == 400


def test_ports_that_were_never_seen_are_left_alone_and_told(admin_client, open_port):
    open_port(80)

    response = judge(
        admin_client, "expected", "atlas/tcp/80@0", "atlas/tcp/81@0", "unheard/tcp/80@0"
    )

    assert told(response) == [
        "80/tcp on atlas is expected. 2 left alone: never seen, or more than 500 at once."
    ]
    assert set(notes()) == {("atlas", "tcp", 80)}


@pytest.mark.parametrize(
    ("data", "said"),
    [
        ({}, "Choose trusted, expected or suspicious."),
        ({"judge": "", "port": "atlas/tcp/80@0"}, "Choose trusted"),
        ({"judge": "known", "port": "atlas/tcp/80@0"}, "Choose trusted"),
        ({"judge": "\x00", "port": "atlas/tcp/80@0"}, "Choose trusted"),
        ({"judge": "trusted"}, "tick the cards first"),
        ({"judge": "trusted nonsense"}, "tick the cards first"),
        ({"judge": "trusted atlas/tcp/80@0 x"}, "tick the cards first"),
        ({"judge": "trusted", "port": "\x00"}, "tick the cards first"),
        ({"judge": "trusted", "port": "atlas/tcp/80\x00@0"}, "tick the cards first"),
        ({"judge": "trusted", "port": "atlas/tcp/80@0\n"}, "tick the cards first"),
        ({"judge": "trusted", "port": "atlas/sctp/80@0"}, "tick the cards first"),
        ({"judge": "trusted", "port": "atlas/tcp/0@0"}, "tick the cards first"),
        ({"judge": "trusted", "port": "atlas/tcp/65536@0"}, "tick the cards first"),
        ({"judge": "trusted", "port": "atlas/tcp/99999999999999@0"}, "tick the cards first"),
        ({"judge": "trusted", "port": "atlas/tcp/80@99999999999999"}, "tick the cards first"),
        ({"judge": "trusted", "port": "atlas/tcp/-80@0"}, "tick the cards first"),
        ({"judge": "trusted", "port": "*/tcp/80@0"}, "tick the cards first"),
        ({"judge": "trusted", "port": "../tcp/80@0"}, "tick the cards first"),
        ({"judge": "trusted", "port": f"{'x' * 65}/tcp/80@0"}, "tick the cards first"),
        ({"judge": "trusted", "port": "another/tcp/80@0"}, "no such port was ever seen"),
        ({"judge": "trusted", "port": "atlas/udp/80@0"}, "no such port was ever seen"),
        ({"judge": "trusted", "port": "atlas/tcp/80@999999999"}, "Somebody else changed"),
    ],
)
def test_what_names_no_port_and_no_risk_changes_nothing(data, said, admin_client, open_port):
    open_port(80)

    response = admin_client.post("/judge/", data)

    assert response.status_code == 302
    assert [said in text for text in told(response)] == [True]
    assert notes() == {}


@pytest.mark.parametrize("address", ["/judge/", "/annotate/", f"{OF_80}move/", "/look/"])
@pytest.mark.parametrize("method", ["put", "delete", "patch"])
def test_what_changes_something_is_asked_for_by_post(method, address, admin_client, open_port):
    open_port(80)

    assert getattr(admin_client, method)(address).status_code == 405


@pytest.mark.parametrize("address", ["/judge/", "/annotate/", f"{OF_80}move/", "/look/"])
def test_who_comes_from_the_login_is_told_that_nothing_was_done(address, admin_client, open_port):
    open_port(80)

    response = admin_client.get(address)

    assert (response.status_code, response["Location"]) == (302, "/")
    assert told(response) == ["Nothing was done: choose it on the board once more."]
    assert notes() == {}


@pytest.mark.parametrize("method", ["put", "delete", "patch"])
def test_a_form_is_read_and_sent(method, admin_client, open_port):
    open_port(80)

    assert getattr(admin_client, method)(f"{OF_80}note/").status_code == 405


@pytest.mark.parametrize(
    ("asked", "location"),
    [
        ("/?state=unnoted&page=2", "/?state=unnoted&page=2"),
        ("/ports/atlas/tcp/80/", "/ports/atlas/tcp/80/"),
        ("http://testserver/hosts/", "http://testserver/hosts/"),
        ("", "/"),
        ("https://evil.example/", "/"),
        ("//evil.example/", "/"),
        ("///evil.example/", "/"),
        ("/\\evil.example/", "/"),
        ("\\\\evil.example", "/"),
        ("http:evil.example", "/"),
        ("javascript:alert(1)", "/"),
        (" //evil.example", "/"),
        ("\x00//evil.example", "/"),
        ("http://testserver@evil.example/", "/"),
        ("http://[evil", "/"),
        ("ftp://testserver/", "/"),
        ("/\r\nSet-Cookie: x=1", "/%0D%0ASet-Cookie:%20x=1"),
        # No name of a view is looked up.
        ("judge", "judge"),
        ("nothing-of-ours", "nothing-of-ours"),
    ],
)
def test_one_goes_back_to_a_page_of_ours_only(asked, location, admin_client, open_port):
    open_port(80)

    response = admin_client.post("/judge/", {"judge": "trusted atlas/tcp/80@0", "next": asked})

    assert (response.status_code, response["Location"]) == (302, location)


@pytest.mark.parametrize(
    ("before", "location"),
    [
        ("http://testserver/?q=x", "http://testserver/?q=x"),
        ("http://evil.example/", "/"),
        # Who had to log in first does not go back to the login.
        ("http://testserver/login/?next=/ports/atlas/tcp/80/note/", "/"),
    ],
)
def test_without_a_page_to_go_back_to_it_is_the_one_before(
    before, location, admin_client, open_port
):
    open_port(80)

    response = admin_client.post(
        "/judge/", {"judge": "trusted atlas/tcp/80@0"}, headers={"Referer": before}
    )

    assert response["Location"] == location


@pytest.mark.parametrize(
    "token",
    [
        "atlas/tcp/80@1",  # judged before by somebody else
        "atlas/tcp/80@0",  # there was no note yet
        "atlas/tcp/80",
    ],
)
def test_the_second_of_two_people_is_told_and_overwrites_nothing(
    token, admin_client, open_port, write_note
):
    open_port(80)
    write_note(80, risk_level="suspicious", version=2)

    response = judge(admin_client, f"trusted {token}")

    assert told(response) == [
        "Somebody else changed the notes of 80/tcp on atlas meanwhile: look at them again."
    ]
    assert notes() == {("atlas", "tcp", 80): ("suspicious", 2)}


def test_of_several_ports_only_those_that_somebody_else_changed_are_refused(
    admin_client, open_port, write_note
):
    tokens = []
    for number in range(1, 10):
        open_port(number)
        tokens.append(f"atlas/tcp/{number}@{0 if number < 8 else 1}")
        if number != 9:
            write_note(number, risk_level="suspicious")

    response = judge(admin_client, "trusted", *tokens, "atlas/tcp/9@0")

    (text,) = told(response)
    assert text == (
        "2 ports are trusted; 1 of them was suspicious before. Somebody else changed the notes of "
        "1/tcp on atlas, 2/tcp on atlas, 3/tcp on atlas, 4/tcp on atlas, 5/tcp on atlas and 2 more "
        "meanwhile: look at them again."
    )
    assert {key[2] for key, (risk, _) in notes().items() if risk == "trusted"} == {8, 9}


def test_a_note_that_was_deleted_meanwhile_is_not_made_anew(admin_client, open_port):
    open_port(80)

    response = judge(admin_client, "trusted atlas/tcp/80@4")

    assert "Somebody else changed" in told(response)[0]
    assert notes() == {}


def test_a_note_that_was_written_anew_meanwhile_is_not_written_over(admin_client, open_port):
    open_port(80)
    judge(admin_client, "trusted atlas/tcp/80@0")
    PortNote.objects.get().delete()
    judge(admin_client, "suspicious atlas/tcp/80@0")

    response = judge(admin_client, "expected atlas/tcp/80@1")

    assert "Somebody else changed" in told(response)[-1]
    assert PortNote.objects.get().risk_level == "suspicious"


# ---- Annotating


PORTS = {"port": ["atlas/tcp/80@0", "atlas/tcp/81@1"], "next": "/?q=x"}
SAID = PORTS | {"said": "1"}


@pytest.fixture
def two(open_port, write_note):
    """Two ports, the second with a note."""
    open_port(80)
    open_port(81)
    return write_note(81, owner="bob", tags=["old"], risk_level="trusted")


def test_a_page_asks_first_what_is_to_be_written(two, admin_client):
    response = admin_client.post("/annotate/", PORTS)

    assert response.status_code == 200
    assert response.context["keys"] == [("atlas", "tcp", 80), ("atlas", "tcp", 81)]
    assert not response.context["form"].is_bound
    assert re.findall(r'name="port" value="([^"]*)"', response.text) == PORTS["port"]
    assert 'name="next" value="/?q=x"' in response.text
    assert PortNote.objects.count() == 1


def test_what_is_filled_in_is_written_and_the_rest_stays(two, admin_client):
    response = admin_client.post("/annotate/", SAID | {"owner": "alice", "add_tags": "web, old"})

    new, old = PortNote.objects.order_by("port")
    assert (response.status_code, response["Location"]) == (302, "/?q=x")
    assert told(response) == ["2 ports are annotated."]
    assert (new.owner, new.tags, new.risk_level, new.title) == (
        "alice",
        ["web", "old"],
        "expected",
        "",
    )
    assert (old.owner, old.tags, old.risk_level, old.title) == (
        "alice",
        ["old", "web"],
        "trusted",
        "Reason 81",
    )


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ({}, "Nothing is filled in, so nothing would change."),
        ({"owner": "x" * 101}, "at most 100 characters"),
        ({"owner": "a\x00b"}, "Null characters are not allowed"),
        ({"risk_level": "known"}, "is not one of the available choices"),
        ({"service_type": "\x00"}, "is not one of the available choices"),
        ({"expected_scope": "moon"}, "is not one of the available choices"),
        ({"review_by": "yesterday"}, "Enter a valid date"),
        ({"review_by": "99999999-01-01"}, "Enter a valid date"),
        ({"add_tags": "a!"}, "is no tag"),
        ({"add_tags": " ".join(f"t{n}" for n in range(31))}, "at most 30 tags"),
        # Together with what the second of them has already.
        ({"add_tags": " ".join(f"t{n}" for n in range(30))}, "at most 30 tags"),
    ],
)
def test_what_can_not_be_written_is_explained_and_kept(typed, said, two, admin_client):
    response = admin_client.post("/annotate/", SAID | typed)

    form = response.context["form"]
    assert response.status_code == 422
    assert said in response.text
    assert {name: form[name].value() for name in typed} == typed
    assert re.findall(r'name="port" value="([^"]*)"', response.text) == PORTS["port"]
    assert PortNote.objects.get() == two


def test_who_annotates_after_somebody_else_is_told(two, admin_client):
    PortNote.objects.filter(pk=two.pk).update(version=2, owner="carol")

    response = admin_client.post("/annotate/", SAID | {"owner": "alice"})

    (text,) = told(response)
    assert text == (
        "80/tcp on atlas is annotated. Somebody else changed the notes of 81/tcp on atlas "
        "meanwhile: look at them again."
    )
    assert set(PortNote.objects.values_list("port", "owner")) == {(80, "alice"), (81, "carol")}


@pytest.mark.parametrize(
    ("ports", "said"),
    [
        ([], "tick the cards first"),
        (["nonsense", "\x00"], "tick the cards first"),
        (["unheard/tcp/80@0"], "no such port was ever seen"),
    ],
)
def test_without_a_port_there_is_nothing_to_annotate(ports, said, admin_client, db):
    response = admin_client.post("/annotate/", {"port": ports})

    assert response.status_code == 302
    assert said in told(response)[0]


def test_a_long_list_of_ports_is_shortened(admin_client, open_port):
    for number in range(1, 26):
        open_port(number)

    text = admin_client.post(
        "/annotate/", {"port": [f"atlas/tcp/{number}@0" for number in range(1, 26)]}
    ).text

    assert "and 5 more" in text
    assert "Write it into 25 notes" in text


# ---- Moving


def move(client, to, **data):
    return client.post(f"{OF_80}move/", {"to": to} | data)


def test_a_note_moves_to_a_free_port_with_its_history(admin_client, admin_user, write_note):
    note = write_note(80, title="Shop")

    response = move(admin_client, "atlas/tcp/8081@1")

    note.refresh_from_db()
    assert response["Location"] == "/ports/atlas/tcp/8081/"
    assert told(response) == ["The note of 80/tcp speaks for 8081/tcp on atlas now."]
    assert (note.key, note.title, note.version) == (("atlas", "tcp", 8081), "Shop", 2)
    assert note.history.first().history_change_reason == "moved from 80/tcp on atlas"
    assert note.history.first().history_user == admin_user


def test_a_note_moves_to_another_host_and_protocol(admin_client, write_note):
    note = write_note(80)

    move(admin_client, "beta/udp/53", seen=1)

    note.refresh_from_db()
    assert note.key == ("beta", "udp", 53)


@pytest.mark.parametrize(
    ("to", "said"),
    [
        ("atlas/tcp/81@1", "There is already a note about 81/tcp on atlas."),
        ("atlas/tcp/82", "Somebody else changed or deleted this note meanwhile."),
        ("atlas/tcp/82@2", "Somebody else changed or deleted this note meanwhile."),
        ("atlas/tcp/0@1", "Say where to"),
        ("atlas/tcp/65536@1", "Say where to"),
        ("atlas/icmp/1@1", "Say where to"),
        ("*/tcp/82@1", "Say where to"),
        ("\x00", "Say where to"),
        ("", "Say where to"),
    ],
)
def test_a_note_that_can_not_move_stays(to, said, admin_client, write_note):
    write_note(80)
    write_note(81)

    response = move(admin_client, to)

    assert response.status_code == 302
    assert said in told(response)[0]
    assert notes() == {("atlas", "tcp", 80): ("expected", 1), ("atlas", "tcp", 81): ("expected", 1)}


@pytest.mark.parametrize("host_id", [None, "*", "beta"])
def test_without_a_note_of_its_own_nothing_can_be_moved(host_id, admin_client, write_note):
    if host_id:
        write_note(80, host_id=host_id)

    assert move(admin_client, "atlas/tcp/81@1").status_code == 404


@pytest.mark.parametrize("number", ["0", "65536", "99999"])
def test_there_are_ports_from_1_to_65535_only(number, admin_client, db):
    for what in ("move", "note"):
        response = admin_client.post(f"/ports/atlas/tcp/{number}/{what}/", {})
        assert response.status_code == 404


# ---- Looking


@pytest.fixture
def queue(monkeypatch, tmp_path):
    """A queue that no worker reads."""
    monkeypatch.setitem(app.conf, "broker_transport_options", {"folder": str(tmp_path / "queue")})


@pytest.mark.usefixtures("queue")
def test_a_look_is_asked_for_and_its_outcome_told(admin_client, monkeypatch, settings):
    monkeypatch.setitem(app.conf, "task_always_eager", True)

    response = admin_client.post("/look/")

    assert (response.status_code, response["Location"]) == (302, "/")
    assert told(response)[0].startswith("Looked:")
    assert Host.objects.get().host_id == settings.PORTATLAS_HOST_ID


@pytest.mark.usefixtures("queue")
def test_where_no_worker_looks_one_is_told_what_to_do(admin_client, monkeypatch):
    monkeypatch.setattr(triage, "PATIENCE", 0.1)

    response = admin_client.post("/look/", headers=HX)

    assert response.status_code == 204
    assert "Nobody looked within 0.1 s." in admin_client.get("/").text


# ---- Who may


def buttons(text):
    marks = ('name="judge"', "card__pick", "card__edit", "card__move", "/annotate/", "/look/")
    return [mark for mark in (*marks, 'class="steps"') if mark in text]


@pytest.mark.parametrize(
    "permissions", [SEE, (*SEE, "add_portnote"), (*SEE, "change_portnote"), WRITE]
)
@pytest.mark.parametrize("address", POSTS)
def test_who_may_not_both_add_and_change_notes_changes_nothing(
    address, permissions, log_in, open_port, write_note
):
    open_port(80)
    write_note(80)
    client = log_in(*permissions)

    response = client.post(
        address,
        {
            "judge": "trusted atlas/tcp/80@1",
            "port": "atlas/tcp/80@1",
            "said": "1",
            "owner": "x",
            "to": "atlas/tcp/81@1",
        },
    )

    assert response.status_code == 403
    assert notes() == {("atlas", "tcp", 80): ("expected", 1)}


@pytest.mark.parametrize("permissions", [SEE, (*SEE, "add_portnote"), (*SEE, "change_portnote")])
def test_who_may_not_write_sees_no_button(permissions, log_in, open_port, write_note):
    client = log_in(*permissions)
    empty = client.get("/").text
    open_port(80)
    open_port(81, gone=True)
    write_note(81, risk_level="trusted")

    text = client.get("/").text

    assert (buttons(empty), buttons(text)) == ([], [])
    assert "<dt>Risk</dt><dd>trusted</dd>" in text
    assert client.get(f"{OF_80}note/").status_code == 403


def test_who_may_write_sees_the_buttons(log_in, open_port):
    client = log_in(*SEE, *WRITE)
    empty = client.get("/").text
    open_port(80)

    assert buttons(empty) == ["/look/", 'class="steps"']
    assert buttons(client.get("/").text) == [
        'name="judge"',
        "card__pick",
        "card__edit",
        "/annotate/",
        'class="steps"',
    ]


def test_one_user_gets_no_card_that_was_drawn_for_another(log_in, admin_client, open_port):
    open_port(80)
    mine = admin_client.get("/").text

    his = log_in(*SEE, client=Client()).get("/").text

    assert ('name="judge"' in mine, buttons(his)) == (True, [])


@pytest.mark.parametrize("address", POSTS)
def test_who_is_not_logged_in_is_asked_to(address, client, db):
    response = client.post(address)

    assert response.status_code == 302
    assert response["Location"].startswith("/login/?next=")


@pytest.mark.parametrize("address", POSTS)
def test_another_site_can_not_make_somebody_write(address, admin_user, open_port, write_note):
    open_port(80)
    write_note(80)
    client = Client(enforce_csrf_checks=True)
    client.force_login(admin_user)
    client.get("/")

    for headers in ({}, HX):
        assert client.post(address, {"judge": "trusted"}, headers=headers).status_code == 403


def test_the_forms_of_the_board_show_where_they_come_from(admin_user, open_port):
    open_port(80)
    client = Client(enforce_csrf_checks=True)
    client.force_login(admin_user)
    text = client.get("/").text
    form = text.partition('id="triage"')[2].partition("</form>")[0]
    token = re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', form)[1]

    response = client.post(
        "/judge/", {"csrfmiddlewaretoken": token, "judge": "trusted atlas/tcp/80@0"}
    )

    assert response.status_code == 302
    assert notes() == {("atlas", "tcp", 80): ("trusted", 1)}


@pytest.mark.parametrize("count", [1, 3])
def test_judging_costs_the_same_however_many_are_ticked(
    count, admin_client, open_port, write_note, django_assert_num_queries
):
    """
    Session, user, the ports; a transaction with the notes, the last versions of new ones, these,
    their histories' rows, changed ones and their histories' rows.
    """
    tokens = []
    for number in range(1, count + 1):
        open_port(number)
        open_port(number + 100)
        write_note(number + 100, risk_level="suspicious")
        tokens += [f"atlas/tcp/{number}@0", f"atlas/tcp/{number + 100}@1"]

    with django_assert_num_queries(11):
        response = judge(admin_client, "trusted", *tokens)

    assert f"{2 * count} ports are trusted; {count} of them" in told(response)[0]
