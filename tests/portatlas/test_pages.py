"""Every page: how many statements it costs, who may see it, and what it shows."""

import re
from datetime import timedelta

import pytest
from django.contrib.auth.models import Permission
from django.urls import reverse
from django.utils import timezone

from collector.models import PortEvent

PORT_PAGE = ("port", ["atlas", "tcp", "1000"])


@pytest.mark.parametrize("count", [1, 3])
@pytest.mark.parametrize(
    ("page", "arguments", "queries"),
    [
        # Session, user, and then: hosts, counts, clients, number of cards, cards, never seen.
        ("board", [], 8),
        # Session, user, port, events, siblings.
        (*PORT_PAGE, 5),
        # Session, user, count, rows, and then the values of the filters: hosts, owners.
        ("admin:portatlas_port_changelist", [], 6),
        # ... and a second count, of all.
        ("admin:notes_portnote_changelist", [], 7),
        # ... the filter's hosts, and the first, last and single days of the date hierarchy.
        ("admin:collector_portevent_changelist", [], 7),
        ("admin:collector_host_changelist", [], 5),
        ("admin:collector_coverage_changelist", [], 6),
        # Session, user, count, rows.
        ("port-list", [], 4),
        ("portnote-list", [], 4),
    ],
)
def test_query_count_does_not_grow(
    page,
    arguments,
    queries,
    count,
    admin_client,
    open_port,
    write_note,
    django_assert_num_queries,
):
    for number in range(1000, 1000 + count):
        port = open_port(number)
        PortEvent.objects.create(port_runtime=port, event_type="alive", timestamp=timezone.now())
        write_note(number)

    with django_assert_num_queries(queries):
        response = admin_client.get(reverse(page, args=arguments))

    assert response.status_code == 200


@pytest.mark.parametrize(
    "page", ["/", "/ports/atlas/tcp/80/", "/admin/", "/admin/portatlas/port/", "/nowhere/"]
)
def test_every_page_asks_for_a_login(page, client, open_port):
    open_port(80)

    response = client.get(page)

    assert response.status_code in {302, 404}
    assert "sshd" not in response.text


@pytest.mark.parametrize("page", ["/api/v1/ports/", "/api/v1/notes/", "/readyz"])
def test_every_endpoint_asks_for_a_login(page, client, db):
    assert client.get(page).status_code == 401


@pytest.mark.parametrize("page", ["/", "/ports/atlas/tcp/80/", "/api/v1/ports/", "/api/v1/notes/"])
def test_a_user_without_permissions_sees_nothing(page, client, django_user_model, open_port):
    open_port(80)
    client.force_login(django_user_model.objects.create_user("guest"))

    response = client.get(page)

    assert response.status_code == 403
    assert "sshd" not in response.text


def test_a_viewer_sees_the_board_but_no_way_to_write(client, django_user_model, open_port):
    viewer = django_user_model.objects.create_user("viewer")
    viewer.user_permissions.add(Permission.objects.get(codename="view_port"))
    client.force_login(viewer)
    open_port(80)

    response = client.get("/")

    assert "sshd" in response.text
    assert "Write a note" not in response.text


def shown(response):
    return [port.port for port in response.context["page"].object_list]


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

    counts = {chip["value"]: chip["count"] for chip in response.context["chips"]}
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
        ("Shop", [8080]),
        ("alice", [8080]),
        ("prod", [8080]),
        ("web prod", [8080]),
        ("ngin alice", []),
        ("99999999999999999999", []),
        ("%", []),
        ("'; drop table", []),
    ],
)
def test_the_search_finds_ports_by_what_people_type(
    query, expected, admin_client, open_port, write_note
):
    open_port(80, process_name="nginx", cmdline="nginx -g daemon off", unit="nginx.service")
    open_port(8080)
    write_note(8080, title="Shop", owner="alice", tags=["web", "prod"])

    assert shown(admin_client.get("/", {"q": query})) == expected


def test_client_sockets_are_hidden_until_asked_for(admin_client, open_port, write_note):
    open_port(40000, protocol="udp", is_client=True)
    open_port(40001, protocol="udp", is_client=True)
    write_note(40001, protocol="udp")

    assert shown(admin_client.get("/")) == [40001]
    assert sorted(shown(admin_client.get("/", {"clients": "1"}))) == [40000, 40001]


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


def test_a_silent_host_is_told(admin_client, add_host):
    add_host(last_look_at=timezone.now() - timedelta(minutes=5))

    assert "Nobody has looked at atlas for 5 min" in admin_client.get("/").text


def test_an_empty_board_says_what_happens_next(admin_client):
    assert "No look has been taken yet." in admin_client.get("/").text


def test_a_note_about_a_port_never_seen_is_shown(admin_client, write_note):
    write_note(9000, title="Backup target")

    assert "Backup target" in admin_client.get("/").text


def test_a_card_leads_to_a_note_with_the_key_filled_in(admin_client, open_port):
    open_port(8080, host_id="web & db")

    response = admin_client.get("/")
    link = re.search(r'href="([^"]*portnote/add[^"]*)"', response.text)[1].replace("&amp;", "&")
    form = admin_client.get(link).context["adminform"].form

    assert [form[name].value() for name in ("host_id", "protocol", "port")] == [
        "web & db",
        "tcp",
        "8080",
    ]


def test_hostile_names_stay_text(admin_client, open_port):
    open_port(80, process_name="<script>alert(1)</script>", cmdline='"><img src=x onerror=1>')

    for page in ("/", "/ports/atlas/tcp/80/", "/admin/portatlas/port/"):
        text = admin_client.get(page).text
        assert "<script>alert" not in text
        assert "<img src=x" not in text


def test_the_port_page_shows_its_timeline(admin_client, open_port):
    port = open_port(80)
    PortEvent.objects.create(
        port_runtime=port,
        event_type="rebound",
        timestamp=timezone.now(),
        pid=77,
        changes={"process_name": ["nginx", "caddy"]},
    )

    text = admin_client.get("/ports/atlas/tcp/80/").text

    assert "pid 77" in text
    assert "process_name: nginx → caddy" in text


@pytest.mark.parametrize("address", ["/ports/atlas/tcp/81/", "/ports/atlas/tcp/99999/"])
def test_a_port_never_seen_is_not_found_in_words(address, admin_client, open_port):
    open_port(80)

    response = admin_client.get(address)

    assert response.status_code == 404
    assert "was never seen on atlas" in response.text


def test_five_wrong_passwords_lock_the_door(client, django_user_model):
    django_user_model.objects.create_user("admin", password="right")
    for _ in range(5):
        client.post("/login/", {"username": "admin", "password": "wrong"})

    response = client.post("/login/", {"username": "admin", "password": "right"})

    assert response.status_code == 429
    assert "Too many attempts" in response.text
