"""Every page: how many statements it costs, who may see it, and what it shows."""

import base64
import re
from datetime import timedelta

import pytest
import time_machine
from django.contrib.auth.models import Permission
from django.contrib.contenttypes.models import ContentType
from django.utils import timezone

from collector.models import Coverage, HostEvent, PortEvent, Transient
from tests.conftest import NOON

PAGES = [
    # Session, user; what the ETag is made of: hosts with the last events, last change of a note;
    # then hosts, their events, two counts, what is stale, cards, two of their past, notes of ports
    # never seen, first steps.
    ("/", 13),
    # ... a count of what is found, no notes of ports never seen.
    ("/?q=Reason&host=atlas&clients=1&state=known", 13),
    # ... what is stale is what is found already; but notes of ports never seen may be, too.
    ("/?stale=1", 13),
    # ... and how many there are of each group.
    ("/?group=owner", 14),
    ("/?group=type", 14),
    # ... which the counts tell of these.
    ("/?group=host", 13),
    ("/?group=state", 13),
    # Session, user, port; owners and tags that notes have.
    ("/ports/atlas/tcp/1000/note/", 5),
    ("/ports/atlas/tcp/1000/note/?own=1", 5),
    # ... which was never seen: its note.
    ("/ports/atlas/tcp/1/note/", 6),
    # Session, user; hosts, three counts, saved views; reservations; the last actions.
    ("/admin/", 9),
    # Session, user, count, rows, and then the values of the filters: hosts, owners.
    ("/admin/portatlas/port/", 6),
    ("/admin/portatlas/port/{port}/change/", 5),
    # ... a page of the admin asks for its content type.
    ("/admin/notes/portnote/", 6),
    ("/admin/notes/portnote/{note}/change/", 6),
    # ... the filter's hosts, and the first, last and single days of the date hierarchy.
    ("/admin/collector/portevent/", 7),
    ("/admin/collector/portevent/{event}/change/", 5),
    ("/admin/collector/host/", 5),
    ("/admin/collector/host/atlas/change/", 4),
    ("/admin/collector/coverage/", 6),
    ("/admin/collector/coverage/{coverage}/change/", 5),
    ("/admin/collector/transient/", 5),
    ("/admin/collector/transient/{transient}/change/", 5),
    ("/admin/collector/hostevent/", 7),
    ("/admin/collector/hostevent/{host_event}/change/", 5),
    # Session, user, what names the state of the data 2, count, rows.
    ("/api/v1/ports/", 6),
    ("/api/v1/ports/atlas/tcp/1000/", 5),
    # Session, user, count, rows.
    ("/api/v1/notes/", 4),
    ("/api/v1/notes/atlas/tcp/1000/", 3),
]


@pytest.mark.parametrize("count", [1, 3])
@pytest.mark.parametrize(("address", "queries"), PAGES)
def test_query_count_does_not_grow(
    address, queries, count, admin_client, open_port, write_note, django_assert_num_queries
):
    for number in range(1000, 1000 + count):
        port = open_port(number)
        open_port(number, protocol="udp")
        open_port(number, host_id=f"other-{number}")
        note = write_note(number, owner=f"owner-{number}", tags=["web"], review_by=NOON.date())
        write_note(number + 100, title="Never seen")
        event = PortEvent.objects.create(
            port_runtime=port, event_type="alive", timestamp=timezone.now()
        )
        coverage = Coverage.objects.create(
            host=port.host, started_at=timezone.now(), ended_at=timezone.now()
        )
        transient = Transient.objects.create(
            host=port.host, protocol="tcp", port=number, opened_at=NOON, closed_at=NOON
        )
        host_event = HostEvent.objects.create(
            host=port.host, event_type="rebooted", timestamp=timezone.now()
        )
    ContentType.objects.clear_cache()  # the admin asks for one, once in a process
    address = address.format(
        port=port.pk,
        note=note.pk,
        event=event.pk,
        coverage=coverage.pk,
        transient=transient.pk,
        host_event=host_event.pk,
    )

    with django_assert_num_queries(queries):
        response = admin_client.get(address)

    assert response.status_code == 200


@pytest.mark.parametrize(
    "address",
    [
        "/",
        "/ports/atlas/tcp/80/",
        "/ports/atlas/tcp/80/note/",
        "/hosts/",
        "/hosts/atlas/",
        "/changes/",
        "/admin/",
        "/admin/portatlas/port/",
    ],
)
def test_every_page_asks_for_a_login(address, client, open_port):
    open_port(80)

    response = client.get(address)

    assert response.status_code == 302
    assert "/login/?next=" in response["Location"]


@pytest.mark.parametrize("address", ["/api/v1/ports/", "/api/v1/notes/", "/readyz"])
def test_every_endpoint_asks_for_a_login(address, client, db):
    assert client.get(address).status_code == 401


@pytest.mark.parametrize(
    "address",
    [
        "/",
        "/ports/atlas/tcp/80/",
        "/ports/atlas/tcp/80/note/",
        "/hosts/",
        "/hosts/atlas/",
        "/changes/",
        "/api/v1/ports/",
        "/api/v1/notes/",
    ],
)
def test_a_user_without_permissions_sees_nothing(address, client, django_user_model, open_port):
    open_port(80)
    client.force_login(django_user_model.objects.create_user("guest"))

    response = client.get(address)

    assert response.status_code == 403
    assert "sshd" not in response.text


def shown(response):
    return [int(card.number) for group in response.context["groups"] for card in group.cards]


def test_the_board_shows_only_the_chosen_state(admin_client, open_port, write_note):
    open_port(22)
    open_port(80)
    write_note(22)

    assert shown(admin_client.get("/", {"state": "unnoted"})) == [80]


def test_chips_count_what_the_search_finds(admin_client, open_port, write_note):
    open_port(22)
    open_port(80, process_name="nginx")
    open_port(81, process_name="nginx", gone=True)
    write_note(22)

    response = admin_client.get("/", {"q": "nginx"})

    counts = {chip.value: chip.count for chip in response.context["state_chips"]}
    assert counts == {
        "": 2,
        "suspicious": 0,
        "flapping": 0,
        "ghost": 0,
        "unnoted": 1,
        "known": 0,
        "healthy": 0,
        "gone": 1,
    }


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("8080", [8080]),
        ("80", [80]),
        ("ngin", [80]),
        ("daemon", [80]),
        ("cups.socket", [631]),
        ("ipp", [631]),
        ("stack-main", [5432]),
        ("postgres:17", [5432]),
        ("database", [5432]),
        ("Shop", [8080]),
        ("alice", [8080]),
        ("prod", [8080]),
        ("web prod", [8080]),
        ("ngin alice", []),
        ("8080/tcp", [8080]),
        ("8080/udp", []),
        ("tcp/8080", [8080]),
        (":8080", [8080]),
        ("udp", []),
        ("99999999999999999999", []),
        ("%", []),
        ("'; drop table", []),
    ],
)
def test_the_search_finds_ports_by_what_people_type(
    query, expected, admin_client, open_port, write_note
):
    open_port(80, process_name="nginx", cmdline="nginx -g daemon off", unit="nginx.service")
    open_port(631, process_name="systemd", socket_unit="cups.socket", well_known="ipp")
    open_port(5432, container_name="stack-main-1", image="postgres:17", compose_service="database")
    open_port(8080)
    write_note(8080, title="Shop", owner="alice", tags=["web", "prod"])

    assert shown(admin_client.get("/", {"q": query})) == expected


@time_machine.travel(NOON, tick=False)
def test_the_board_opens_with_the_sentence(admin_client, open_port, write_note):
    open_port(1)
    open_port(2)
    open_port(3, owner_state="unknown")
    open_port(4, gone=True)
    write_note(1)
    write_note(4)

    text = re.sub(r"\s+", " ", admin_client.get("/").text)

    assert (
        "atlas: 3 ports listening: 1 you know, 1 you don't, 1 is unhealthy. "
        "1 expected port is missing." in text.replace("&#x27;", "'")
    )


def test_a_failed_look_is_told_with_its_reason(admin_client, add_host):
    add_host(verdict="failed", reason="ss gave no answer within 10 s.")

    assert "ss gave no answer within 10 s." in admin_client.get("/").text


def test_what_limits_a_complete_look_is_told(admin_client, add_host):
    """N57, N58: the ports are all there, but something about them may be missing."""
    add_host(verdict="complete", reason="netlink was refused: it is read from /proc.")

    assert "netlink was refused: it is read from /proc." in admin_client.get("/").text


def test_a_silent_host_is_told(admin_client, add_host):
    add_host(last_look_at=timezone.now() - timedelta(minutes=5))

    assert "Nobody has looked at atlas for 5 min" in admin_client.get("/").text


def test_the_admin_shows_no_notes_to_whom_the_board_does_not(
    client, django_user_model, open_port, write_note
):
    clerk = django_user_model.objects.create_user("clerk", is_staff=True)
    clerk.user_permissions.add(Permission.objects.get(codename="view_port"))
    client.force_login(clerk)
    open_port(80)
    write_note(80)

    assert client.get("/admin/portatlas/port/").status_code == 403


def test_an_empty_board_says_what_happens_next(admin_client):
    assert "No look has been taken yet" in admin_client.get("/").text


def test_a_note_about_a_port_never_seen_is_shown(admin_client, write_note):
    write_note(9000, title="Backup target")

    assert "Backup target" in admin_client.get("/").text


def test_a_card_leads_to_the_form_of_its_note(admin_client, open_port):
    open_port(8080, host_id="web-1.example.org:a_b")

    board = admin_client.get("/")
    link = re.search(r'class="card__edit"\s+href="([^"]*)"', board.text)[1]
    note = admin_client.get(link).context["form"].instance

    assert note.key == ("web-1.example.org:a_b", "tcp", 8080)


def test_hostile_names_stay_text(admin_client, open_port):
    open_port(80, process_name="<script>alert(1)</script>", cmdline='"><img src=x onerror=1>')

    for address in (
        "/",
        "/?group=owner",
        "/ports/atlas/tcp/80/",
        "/ports/atlas/tcp/80/note/",
        "/hosts/atlas/",
        "/changes/",
        "/admin/portatlas/port/",
    ):
        text = admin_client.get(address).text
        assert "<script>alert" not in text
        assert "<img src=x" not in text


def log_in(client, password, **headers):
    return client.post("/login/", {"username": "admin", "password": password}, headers=headers)


def test_behind_the_proxy_a_lock_out_is_of_one_client(client, django_user_model, settings):
    settings.HTTPS = True
    django_user_model.objects.create_user("admin", password="right")
    for number in range(5):
        log_in(client, "wrong", x_forwarded_for=f"10.0.0.{number}, 6.6.6.6")

    forged = log_in(client, "right", x_forwarded_for="9.9.9.9, 6.6.6.6")
    other = log_in(client, "right", x_forwarded_for="9.9.9.9")

    assert (forged.status_code, other.status_code) == (429, 302)


def test_five_wrong_passwords_lock_the_door(client, django_user_model):
    django_user_model.objects.create_user("admin", password="right")
    for _ in range(5):
        client.post("/login/", {"username": "admin", "password": "wrong"})

    response = client.post("/login/", {"username": "admin", "password": "right"})

    assert response.status_code == 429
    assert "Too many attempts" in response.text


@pytest.mark.parametrize(
    "address",
    [
        "/?q=%00",
        "/?host=%00",
        "/?host=nope",
        "/?page=99999999999999999999&state=%00&clients=x",
        "/?page=-1&group=%00&tag=%00&owner=%00&stale=%00",
        "/?tag=%22%27%25_&owner=%F0%9F%92%A9&group=nothing",
        "/?q=%F0%9F%92%A9+" + "9" * 150,
        "/?q=" + "+".join("x" * 400),
        "/ports/%00/tcp/80/",
        "/api/v1/ports/?search=%00&host_id=%00",
        "/api/v1/ports/?search=" + "+".join("x" * 1500),
        "/api/v1/ports/?limit=99999999999999999999&offset=99999999999999999999",
        "/api/v1/ports/99999999999999999999/",
        "/api/v1/notes/?search=%00&port=99999999999999999999",
        "/admin/portatlas/port/?q=%00&state=%00",
    ],
)
def test_odd_addresses_get_an_answer_and_never_a_failure(address, admin_client, open_port):
    open_port(80)

    assert admin_client.get(address).status_code in {200, 302, 400, 404}


@pytest.mark.parametrize("name", ["x" * 3000, "nul\x00"])
def test_odd_user_names_are_just_wrong(name, client, db):
    credentials = base64.b64encode(f"{name}:secret".encode()).decode()

    page = client.post("/login/", {"username": name, "password": "secret"})
    api = client.get("/api/v1/ports/", headers={"authorization": f"Basic {credentials}"})

    assert (page.status_code, api.status_code) == (200, 401)


def test_a_refused_look_is_told(admin_client, add_host):
    add_host(refused_at=timezone.now(), refused_reason="It is another machine.")

    assert "It is another machine." in admin_client.get("/").text


def test_a_clock_that_was_set_back_is_told(admin_client, add_host):
    add_host(last_look_at=timezone.now() + timedelta(hours=1))

    assert "The clock of atlas was set back" in admin_client.get("/").text
