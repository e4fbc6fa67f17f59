"""Projects and the ports that they have reserved: their pages, and what is decided there."""

import html
import re
from datetime import timedelta

import pytest
from django.contrib.auth.models import Permission

from portatlas.board.project_ports import PORTS
from portatlas.contexts.reservations import services
from portatlas.contexts.reservations.models import AllocationRule, Reservation, ReservationEvent
from portatlas.contexts.reservations.services import Actor
from portatlas.reserving import binding
from tests.conftest import NOON

ALICE = Actor("alice")
DAY = timedelta(days=1)
PORT = "/ports/atlas/tcp/8080/"
KEY = ("atlas", "tcp", 8080)


@pytest.fixture(autouse=True)
def _noon(time_machine):
    time_machine.move_to(NOON, tick=False)


@pytest.fixture(autouse=True)
def _here(settings):
    """This machine is one that no test is about: which of its ports are bound is of no interest."""
    settings.PORTATLAS_HOST_ID = "here"


def reserve(port=8080, *, project="shop", host_id="atlas", at=NOON, **terms):
    wanted = Reservation(host_id=host_id, port=port, project=project, **terms)
    return services.reserve(wanted, by=ALICE, at=at)


def words(response):
    main = response.text[response.text.index("<main") :]
    return " ".join(html.unescape(re.sub("<[^>]+>", " ", main)).split())


def rows(response):
    """Return the texts of the cells of each row of a page's table."""
    body = response.text.partition("<tbody>")[2].partition("</tbody>")[0]
    return [
        [
            " ".join(html.unescape(re.sub("<[^>]+>", " ", cell)).split())
            for cell in re.findall(r"<t[hd].*?>(.*?)</t[hd]>", row, re.DOTALL)
        ]
        for row in body.split("</tr>")[:-1]
    ]


def form(response):
    """Return what the form of a reservation would send, as a browser has it."""
    text = response.text.partition('class="editor reservation"')[2].partition("</form>")[0]
    inputs = re.findall(r"<input ([^>]*)>", text)
    pairs = {}
    for each in inputs:
        said = dict(re.findall(r'(\w+)="([^"]*)"', each))
        if said.get("type") != "checkbox" or "checked" in each:
            pairs[said["name"]] = html.unescape(said.get("value", ""))
    return pairs


# The page of a port.


def test_the_page_of_a_port_says_who_may_take_it(admin_client, open_port):
    open_port(8080, process_name="python3")
    reserve(8080, process_name="nginx", description="The front.", expires_at=NOON + 2 * DAY)

    text = words(admin_client.get(PORT))

    assert "Violated Reserved by shop ; somebody else holds it." in text
    assert (
        "Held by python3 What for The front. For nginx Reserved 2026-01-01 12:00 UTC by alice "
        "Ends until 3 Jan, unless it is renewed"
    ) in text
    assert "0 s ago Reserved shop by alice" in text


def test_a_port_that_is_reserved_and_was_never_seen_is_found(admin_client):
    reserve()

    response = admin_client.get(PORT)

    assert (response.status_code, admin_client.get("/ports/atlas/tcp/9/").status_code) == (200, 404)
    assert "Reserved by shop ; nothing listens on it." in words(response)


def test_a_history_that_was_imported_breaks_no_page(admin_client):
    reserve()
    ReservationEvent.objects.create(
        host_id="atlas",
        port=8080,
        action="renewed",
        project="a/../b",
        at=NOON,
        details={"changes": [1], "<b>": "<b>"},
    )

    page = admin_client.get(PORT)

    assert "a/../b" in words(page)
    assert "&lt;b&gt; &lt;b&gt;, changes 1" in page.text


def test_who_may_not_see_reservations_is_told_of_none(client, django_user_model):
    user = django_user_model.objects.create_user("reader")
    codenames = ["view_port", "view_portnote"]
    user.user_permissions.set(Permission.objects.filter(codename__in=codenames))
    client.force_login(user)
    reserve()

    response = client.get(PORT)

    assert response.status_code == 404
    assert "Reserv" not in response.text
    assert [client.get(each).status_code for each in ("/projects/", "/projects/shop/")] == [403] * 2


def test_the_page_of_every_host_tells_of_the_hosts_that_have_it_reserved(admin_client):
    reserve(host_id="atlas")
    reserve(host_id="beta", project="blog")

    response = admin_client.get("/ports/*/tcp/8080/")

    assert "On single hosts it is: atlas shop Reserved beta blog Reserved" in words(response)
    assert 'href="/ports/beta/tcp/8080/"' in response.text


def test_what_is_reserved_for_every_host_is_told_on_the_page_of_each(admin_client, open_port):
    open_port(8080)
    reserve(host_id="*")

    response = admin_client.get(PORT)

    assert "In use Reserved by shop on every host; a program listens on it." in words(response)
    assert 'href="/ports/*/tcp/8080/"' in response.text
    assert 'action="/ports/atlas/tcp/8080/reserve/"' not in response.text
    assert admin_client.get("/ports/*/tcp/8080/").status_code == 200


def test_what_is_seen_on_a_port_is_suggested(admin_client, open_port):
    open_port(8080, process_name="gunicorn", user="shop", unit="web.service")

    suggested = form(admin_client.get(PORT))

    names = ("project", "process_name", "user", "unit", "container_name")
    assert [suggested[name] for name in names] == ["web", "gunicorn", "shop", "web.service", ""]


def test_an_annotator_reserves_a_port_on_its_page(member):
    client = member("annotator")

    response = client.post(
        f"{PORT}reserve/",
        {
            "project": "shop",
            "description": "One\r\nTwo",
            "expires_at": "2026-01-03T18:00",
            "process_name": "nginx",
            "auto_release": "on",
            "next": PORT,
        },
    )

    assert (response.status_code, response["Location"]) == (302, PORT)
    made = Reservation.objects.get()
    assert (made.key, made.project, made.description) == (KEY, "shop", "One\nTwo")
    assert made.expires_at == NOON + timedelta(days=2, hours=6)
    assert (made.process_name, made.auto_release) == ("nginx", True)
    assert made.requested_by == "annotator"
    assert "8080/tcp on atlas is reserved by shop." in words(client.get(PORT))


def test_a_port_in_use_is_reserved_only_if_that_is_said(admin_client, open_port):
    open_port(8080, process_name="python3", current_pid=7)
    said = {"project": "shop", "description": "Mine."}

    refused = admin_client.post(f"{PORT}reserve/", said)
    taken = admin_client.post(f"{PORT}reserve/", said | {"anyway": "on"})

    assert refused.status_code == 409
    assert "8080/tcp on atlas is held by python3 (PID 7)." in words(refused)
    assert 'name="anyway"' in refused.text
    assert "Mine." in refused.text
    assert taken.status_code == 302
    assert Reservation.objects.get().project == "shop"


def test_a_port_that_only_this_machine_knows_to_be_bound_is_offered_too(
    admin_client, settings, monkeypatch
):
    settings.PORTATLAS_HOST_ID = "atlas"
    monkeypatch.setattr(binding, "is_taken", lambda protocol, port: True)

    refused = admin_client.post(f"{PORT}reserve/", {"project": "shop"})

    assert refused.status_code == 409
    assert 'name="anyway"' in refused.text


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ({"project": ""}, "This field is required."),
        ({"project": "*"}, "A project's name has letters"),
        ({"project": "a", "expires_at": "2025-01-01T00:00"}, "That is over: say a time to come."),
        ({"project": "a", "expires_at": "tomorrow"}, "Enter a valid date/time."),
        ({"project": "a", "process_name": "\x1b[2J"}, "It has characters that can't be printed."),
        ({"project": "a", "user": "a\x00"}, "Null characters are not allowed."),
    ],
)
def test_what_is_wrong_is_told_in_the_form_with_what_was_typed(said, told, admin_client):
    response = admin_client.post(f"{PORT}reserve/", said | {"description": "Typed."})

    assert response.status_code == 422
    assert told in words(response)
    assert "Typed." in response.text
    assert not Reservation.objects.exists()


def test_a_refusal_by_a_rule_is_told_in_its_words(admin_client):
    AllocationRule.objects.create(project="blog", first=8080, last=8089, reason="Ask Carol.")

    response = admin_client.post(f"{PORT}reserve/", {"project": "shop"})

    assert response.status_code == 409
    assert "Ask Carol." in words(response)


def test_a_reservation_is_renewed_with_what_is_said_otherwise(admin_client):
    reserve(process_name="nginx", tags=["prod"], expires_at=NOON + DAY + timedelta(seconds=7))
    said = form(admin_client.get(PORT))

    response = admin_client.post(f"{PORT}reserve/", said | {"user": "www-data"})

    made = Reservation.objects.get()
    assert response.status_code == 302
    assert (made.process_name, made.user, made.tags) == ("nginx", "www-data", ["prod"])
    assert made.expires_at == NOON + DAY + timedelta(seconds=7)
    assert made.renewed_at == NOON
    assert ReservationEvent.objects.first().details == {"changes": {"user": ["", "www-data"]}}


def test_who_changes_what_somebody_else_changed_meanwhile_is_told_and_decides(admin_client):
    reserve()
    said = form(admin_client.get(PORT)) | {"user": "mine"}
    services.renew(KEY, {"user": "theirs"}, by=ALICE, at=NOON)

    refused = admin_client.post(f"{PORT}reserve/", said)
    admin_client.post(f"{PORT}reserve/", form(refused))

    assert refused.status_code == 409
    assert "Somebody else changed the reservation of 8080/tcp on atlas meanwhile." in words(refused)
    assert Reservation.objects.get().user == "mine"


def test_who_renews_what_was_released_meanwhile_is_told_and_decides(admin_client):
    reserve()
    said = form(admin_client.get(PORT))
    services.release(KEY, by=ALICE, at=NOON)

    refused = admin_client.post(f"{PORT}reserve/", said)
    made = admin_client.post(f"{PORT}reserve/", form(refused))

    assert (refused.status_code, made.status_code) == (409, 302)
    assert "Somebody has released 8080/tcp on atlas meanwhile." in words(refused)


def test_a_port_is_released_on_its_page_as_it_was_read(admin_client):
    made = reserve()
    stale = {"seen": f"{made.pk}.9"}

    refused = admin_client.post(f"{PORT}release/", stale | {"next": PORT})
    told = words(admin_client.get(PORT))
    done = admin_client.post(f"{PORT}release/", {"seen": services.revision(made)})

    assert refused.status_code == 302
    assert "Nothing was released. Somebody else changed the reservation" in told
    assert done["Location"] == "/projects/shop/"
    assert not Reservation.objects.exists()


def test_a_viewer_sees_reservations_and_decides_nothing(member):
    made = reserve()
    client = member("viewer")

    text = client.get(PORT).text + client.get("/projects/shop/").text

    assert "<form" not in text.replace('<form method="post" action="/logout/">', "")
    asked = {
        f"{PORT}reserve/": {"project": "shop"},
        f"{PORT}release/": {"seen": services.revision(made)},
        "/projects/": {"project": "a"},
        "/projects/shop/": {},
        "/projects/shop/release/": {"all": "shop"},
    }
    assert [client.post(path, said).status_code for path, said in asked.items()] == [403] * 5
    assert Reservation.objects.count() == 1


# The list of projects.


def test_projects_are_listed_with_how_their_ports_stand_those_in_trouble_first(
    admin_client, open_port
):
    AllocationRule.objects.create(project="sh*", first=8080, last=8089)
    AllocationRule.objects.create(project="shop", first=53, last=53, protocol="udp", host_id="a")
    reserve(7000, project="blog")
    reserve(8080, expires_at=NOON + 3 * DAY)
    reserve(8081, process_name="nginx", expires_at=NOON + 2 * DAY)
    reserve(8082, at=NOON - 40 * DAY)
    open_port(8080)
    open_port(8081, process_name="python3")

    response = admin_client.get("/projects/")

    assert rows(response) == [
        ["shop", "3", "1", "1", "1", "3 Jan", "53/udp on a, 8080-8089"],
        ["blog", "1", "0", "0", "0", "none", "usual"],
    ]
    assert "2 projects have 4 ports reserved. 1 of them is held by somebody else." in words(
        response
    )


def test_projects_are_found_by_a_part_of_their_name(admin_client):
    reserve(8080, project="Web shop")
    reserve(8081, project="blog")

    found = admin_client.get("/projects/", {"q": "SHOP"})
    none = admin_client.get("/projects/", {"q": "zzz"})

    assert [row[0] for row in rows(found)] == ["Web shop"]
    assert "No project's name contains “zzz”. Show every project." in words(none)


def test_where_nothing_is_reserved_the_page_says_what_to_do(admin_client):
    response = admin_client.get("/projects/")

    assert "python3 manage.py port request --project shop --count 3" in response.text
    assert 'name="count"' in response.text


def test_ports_are_requested_for_a_project(admin_client):
    response = admin_client.post(
        "/projects/",
        {
            "project": "my shop",
            "count": "3",
            "host_id": "atlas",
            "protocol": "tcp",
            "within": "9000-9100",
            "near": "9050",
            "adjacent": "on",
            "description": "Web",
        },
    )

    assert (response.status_code, response["Location"]) == (302, "/projects/my%20shop/")
    ports = [each.port for each in Reservation.objects.filter(project="my shop")]
    assert len(ports) == 3
    assert ports == list(range(ports[0], ports[0] + 3))
    assert "Reserved for my shop: " in words(admin_client.get(response["Location"]))


@pytest.mark.parametrize(
    ("said", "status", "told"),
    [
        ({"within": "9-8"}, 422, "Write the first port and the last, as 8000-8100."),
        ({"count": "1001"}, 422, "less than or equal to 1000"),
        ({"host_id": "a/b"}, 422, "A host's name has letters"),
        ({"expires_at": "2025-01-01T00:00"}, 422, "That is over: say a time to come."),
        ({"within": "9000-9001", "count": "3"}, 409, "3 free ports were asked for"),
    ],
)
def test_a_request_that_cannot_be_is_answered_with_what_was_typed(said, status, told, admin_client):
    asked = {"count": "2", "host_id": "atlas", "protocol": "tcp", "description": "Typed."} | said

    response = admin_client.post("/projects/shop/", asked)

    assert response.status_code == status
    assert told in words(response)
    assert "Typed." in response.text
    assert not Reservation.objects.exists()


# The page of one project.


def test_the_page_of_a_project_shows_its_ports_and_who_holds_them(admin_client, open_port):
    open_port(8080, process_name="python3")
    open_port(9090, process_name="envoy")
    open_port(9090, host_id="beta", process_name="envoy")
    reserve(8080, process_name="nginx", description="Front", expires_at=NOON + DAY)
    reserve(9090, host_id="*")
    reserve(8081, project="blog")

    response = admin_client.get("/projects/shop/")

    assert rows(response) == [
        ["9090/tcp", "In use", "every host", "", "anybody", "envoy on atlas and 1 more", ""],
        ["8080/tcp", "Violated", "atlas", "Front", "nginx", "python3", "2 Jan"],
    ]
    assert "shop has 2 ports reserved." in words(response)
    assert "Reserved 9090/tcp on every host by alice" in words(response)


def test_the_page_of_a_project_can_be_narrowed(admin_client, open_port):
    open_port(8080)
    reserve(8080)
    reserve(8081)
    reserve(8082, host_id="beta")

    def shown(**query):
        return [row[0] for row in rows(admin_client.get("/projects/shop/", query))]

    assert shown(host="beta") == ["8082/tcp"]
    assert shown(status="in-use") == ["8080/tcp"]
    assert shown(host="atlas", status="reserved") == ["8081/tcp"]
    assert shown(host="beta", status="in-use") == []
    assert len(shown(status="nonsense")) == 3


def test_a_project_that_has_never_reserved_anything_is_not_found_but_may_begin(admin_client):
    response = admin_client.get("/projects/shop/")

    assert response.status_code == 404
    assert "shop has never reserved a port." in words(response)
    assert 'name="count"' in response.text


def test_a_project_that_has_released_everything_keeps_its_history(admin_client):
    reserve()
    services.release(KEY, by=ALICE, at=NOON)

    response = admin_client.get("/projects/shop/")

    assert response.status_code == 200
    assert "shop has no ports reserved." in words(response)


def test_many_ports_are_shown_a_page_at_a_time(admin_client):
    Reservation.objects.bulk_create(
        Reservation(host_id="atlas", port=1000 + number, project="shop", reserved_at=NOON)
        for number in range(2 * PORTS + 1)
    )

    first = admin_client.get("/projects/shop/", {"host": "atlas"})
    last = admin_client.get("/projects/shop/", {"page": "3"})

    assert len(rows(first)) == PORTS
    assert 'href="?host=atlas&amp;page=2"' in first.text
    assert [row[0] for row in rows(last)] == ["1200/tcp"]


@pytest.mark.parametrize("count", [1, 3])
@pytest.mark.parametrize(
    ("address", "queries"),
    [
        # Session, user, projects, rules.
        ("/projects/", 4),
        # Session, user, counts, ports, who holds them, history, rules.
        ("/projects/shop/", 7),
    ],
)
def test_the_number_of_statements_does_not_grow(
    address, queries, count, admin_client, open_port, django_assert_num_queries
):
    for number in range(8000, 8000 + count):
        open_port(number)
        reserve(number)
        reserve(number + 100, host_id=f"host-{number}")
        reserve(number, project=f"other-{number}", host_id="beta")
    for number in range(count):
        AllocationRule.objects.create(project="*", first=number + 1, last=number + 1)

    with django_assert_num_queries(queries):
        response = admin_client.get(address)

    assert response.status_code == 200


def test_what_was_ticked_is_released_as_it_was_read(admin_client):
    one, other, kept = reserve(8080), reserve(8081), reserve(8082)
    read = [services.revision(each) for each in (one, other)]
    services.renew(other.key, {"user": "bob"}, by=ALICE, at=NOON)

    admin_client.post("/projects/shop/release/", {"port": [*read, *read, "x", "1.2.3", "9" * 30]})

    assert set(Reservation.objects.all()) == {other, kept}
    text = words(admin_client.get("/projects/shop/"))
    assert "Released: 8080/tcp on atlas. 1 changed meanwhile, and is as before." in text


def test_all_of_a_project_is_released_only_by_its_name(admin_client):
    reserve(8080)
    reserve(8081, project="blog")

    admin_client.post("/projects/shop/release/", {"all": "blog"})
    before = Reservation.objects.count()
    admin_client.post("/projects/shop/release/", {"all": "shop"})

    assert (before, Reservation.objects.get().project) == (2, "blog")


def test_nothing_is_released_where_nothing_was_ticked(admin_client):
    reserve()

    response = admin_client.post("/projects/shop/release/", follow=True)

    assert "Nothing was released: tick the ports first." in words(response)
