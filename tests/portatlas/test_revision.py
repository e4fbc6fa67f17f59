"""The board's ETag: nothing is sent twice, and nothing new is kept from anybody."""

import re
from datetime import timedelta

import pytest
import time_machine
from django.contrib.auth.models import Permission
from django.test import Client

from collector.models import HostEvent
from collector.services import reconcile
from collector.sweep import Verdict
from notes import services
from notes.models import PortNote
from tests.collector.sweeps import listener, sweep
from tests.conftest import NOON

SECOND = timedelta(seconds=1)
FRAGMENT = {"HX-Request": "true"}


@pytest.fixture(autouse=True)
def clock():
    with time_machine.travel(NOON, tick=False) as clock:
        yield clock


def look(*ports, at=NOON, **fields):
    reconcile(sweep(*(listener(port) for port in ports), taken_at=at, **fields))


class Reader:
    """A browser that keeps what it has read, and asks whether it is still true."""

    def __init__(self, client, address="/", **headers):
        self.client, self.address, self.headers = client, address, headers
        client.get(address)  # from here on it has its cookies
        self.etag = self.get()["ETag"]

    def get(self, etag=None):
        headers = self.headers | ({"If-None-Match": etag} if etag else {})
        return self.client.get(self.address, headers=headers)

    def ask(self):
        return self.get(self.etag).status_code


@pytest.fixture
def page(admin_client, open_port):
    open_port(80)
    return Reader(admin_client)


def test_a_board_on_which_nothing_happened_is_not_sent_again(page):
    assert (page.ask(), page.ask()) == (304, 304)


def test_a_fragment_on_which_nothing_happened_is_not_sent_again(admin_client, open_port):
    open_port(80)

    assert Reader(admin_client, **FRAGMENT).ask() == 304


def test_a_page_and_its_fragment_are_different(page, admin_client):
    fragment = Reader(admin_client, **FRAGMENT)

    assert fragment.etag != page.etag
    assert fragment.get(page.etag).status_code == 200
    assert page.get()["Vary"] == "HX-Request, Cookie"


def test_boards_of_different_addresses_are_different(page, admin_client):
    assert Reader(admin_client, "/?state=gone").etag != page.etag


def test_only_the_reader_may_keep_a_board_and_has_to_ask_each_time(page):
    assert page.get()["Cache-Control"] == "private, no-cache"
    assert page.get(page.etag)["Cache-Control"] == "private, no-cache"


def test_a_look_that_finds_nothing_new_changes_the_last_look_alone(admin_client, clock):
    look(80)
    page = Reader(admin_client)
    clock.shift(15 * SECOND)
    look(80, at=NOON + 15 * SECOND)

    answer = page.get(page.etag)

    assert (answer.status_code, answer.content) == (304, b"")
    assert answer["Last-Look"] == "2026-01-01T12:00:15+00:00"
    assert page.get()["Last-Look"] == "2026-01-01T12:00:15+00:00"


@pytest.mark.parametrize(
    "seen",
    [
        lambda at: look(80, 81, at=at),
        lambda at: look(81, at=at),
        lambda at: look(80, at=at, verdict=Verdict.FAILED, reason="ss is gone."),
        lambda at: look(80, at=at, reason="netlink was refused."),
        lambda at: look(80, at=at, host_id="beta"),
        lambda at: look(80, at=at, boot_id="another"),
        lambda at: HostEvent.objects.create(host_id="atlas", event_type="surge", timestamp=at),
    ],
    ids=["appeared", "replaced", "failed", "limited", "another host", "rebooted", "told"],
)
def test_a_look_that_finds_something_is_told(seen, admin_client, clock):
    look(80)
    page = Reader(admin_client)
    clock.shift(15 * SECOND)

    seen(NOON + 15 * SECOND)

    assert page.ask() == 200


def save(note, user):
    note.title = "Another"
    services.save(note, by=user, seen=1)


@pytest.mark.parametrize(
    "write",
    [
        lambda note, user: services.save(PortNote(host_id="*", port=9), by=user),
        save,
        lambda note, user: services.annotate(
            [note.key], {"risk_level": "suspicious"}, by=user, at=NOON
        ),
        lambda note, user: services.annotate(
            [("atlas", "tcp", 9)], {"owner": "alice"}, by=user, at=NOON
        ),
        lambda note, user: services.move(note, ("atlas", "tcp", 9), by=user, seen=1),
        lambda note, user: services.delete(note, by=user, seen=1),
    ],
    ids=["new", "saved", "judged", "annotated", "moved", "deleted"],
)
def test_whatever_is_done_to_a_note_is_told(write, admin_client, admin_user, open_port):
    open_port(80)
    note = services.save(PortNote(host_id="atlas", port=80), by=admin_user)
    page = Reader(admin_client)

    write(note, admin_user)

    assert page.ask() == 200


def test_what_the_clock_alone_changes_is_told_at_the_next_minute(admin_client, add_host, clock):
    add_host(sweep_interval=60)
    page = Reader(admin_client)
    clock.shift(59 * SECOND)
    before = page.ask()
    clock.shift(SECOND)

    assert (before, page.ask()) == (304, 200)


def test_a_host_that_falls_silent_is_told_within_three_intervals(page, clock):
    clock.shift(45 * SECOND)
    before = page.ask()
    clock.shift(SECOND)

    assert (before, page.ask()) == (304, 200)


def test_another_user_gets_a_board_of_his_own(page, client, django_user_model):
    client.force_login(django_user_model.objects.create_superuser("another"))

    assert client.get("/", headers={"If-None-Match": page.etag}).status_code == 200


def test_who_may_write_from_now_on_gets_the_buttons(client, django_user_model, open_port):
    open_port(80)
    user = django_user_model.objects.create_user("annotator")
    user.user_permissions.set(
        Permission.objects.filter(codename__in=["view_port", "view_portnote"])
    )
    client.force_login(user)
    page = Reader(client)
    unchanged = page.ask()

    user.user_permissions.add(
        *Permission.objects.filter(codename__in=["add_portnote", "change_portnote"])
    )

    assert (unchanged, page.ask()) == (304, 200)
    assert 'name="judge"' in page.get().text


def test_who_logs_in_anew_gets_forms_that_are_accepted(django_user_model, open_port):
    """Logging in changes the secret that the forms of a page have to show."""
    open_port(80)
    django_user_model.objects.create_superuser("admin", password="secret")
    client = Client(enforce_csrf_checks=True)
    log_in(client)
    page = Reader(client)
    client.post("/logout/", {"csrfmiddlewaretoken": token(page.get())})
    log_in(client)

    board = page.get(page.etag)

    judged = client.post(
        "/judge/",
        {"csrfmiddlewaretoken": token(board), "judge": "trusted atlas/tcp/80@0"},
    )
    assert (board.status_code, judged.status_code) == (200, 302)


def log_in(client):
    form = {"username": "admin", "password": "secret"}
    client.post("/login/", form | {"csrfmiddlewaretoken": token(client.get("/login/"))})


def token(response):
    return re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', response.text)[1]


def test_a_message_is_shown_once_and_then_nothing_is_sent_again(page, admin_client):
    admin_client.post("/judge/", {"judge": "nonsense"}, headers=FRAGMENT)

    told = page.get(page.etag)
    after = page.get()

    assert "Choose trusted, expected or suspicious." in told.text
    assert "ETag" not in told
    assert "Choose trusted" not in after.text
    assert after["ETag"] == page.etag
    assert page.ask() == 304


def test_a_message_reaches_the_fragment_too(admin_client, open_port):
    open_port(80)
    fragment = Reader(admin_client, **FRAGMENT)
    admin_client.post("/judge/", {"judge": "nonsense"}, headers=FRAGMENT)

    assert "Choose trusted, expected or suspicious." in fragment.get(fragment.etag).text


def test_an_empty_board_is_not_sent_again_until_the_first_look(admin_client):
    page = Reader(admin_client)
    before = page.get(page.etag)
    look(80)

    assert (before.status_code, "Last-Look" in before, page.ask()) == (304, False, 200)


@pytest.mark.parametrize("count", [1, 3])
def test_an_answer_that_nothing_changed_costs_four_statements(
    count, admin_client, open_port, write_note, django_assert_num_queries
):
    """Session, user, hosts with the last events, the last change of a note."""
    for number in range(count):
        open_port(80, host_id=f"host-{number}")
        write_note(80, host_id=f"host-{number}")
    page = Reader(admin_client)

    with django_assert_num_queries(4):
        status = page.ask()

    assert status == 304
