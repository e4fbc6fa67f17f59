"""What a card shows beside fact and note: the reservation of its port."""

import html
import re
from datetime import timedelta

import pytest
from django.contrib.auth.models import Permission
from django.db import connection
from django.test.utils import CaptureQueriesContext

from portatlas.contexts.reservations import services
from portatlas.contexts.reservations.models import Reservation
from portatlas.contexts.reservations.services import Actor
from tests.conftest import NOON

ALICE = Actor("alice")
DAY = timedelta(days=1)


@pytest.fixture(autouse=True)
def _noon(time_machine):
    time_machine.move_to(NOON, tick=False)


def reserve(port=80, *, project="shop", host_id="atlas", **terms):
    wanted = Reservation(host_id=host_id, port=port, project=project, **terms)
    return services.reserve(wanted, by=ALICE, at=NOON)


def told(client, address="/"):
    """Return what the cards of a board say of reservations."""
    found = re.findall(r"<dt>Reserved</dt>(.*?)</div>", client.get(address).text, re.DOTALL)
    return [" ".join(html.unescape(re.sub("<[^>]+>", " ", each)).split()) for each in found]


def test_a_card_says_by_whom_its_port_is_reserved_and_until_when(admin_client, open_port):
    open_port(80)
    open_port(81)
    reserve(80, expires_at=NOON + 2 * DAY)

    text = admin_client.get("/").text

    assert told(admin_client) == ["by shop · until 3 Jan"]
    assert '<a href="/projects/shop/">shop</a>' in text
    assert "facet--bad" not in text


def test_the_name_of_a_project_is_quoted_in_its_address(admin_client, open_port):
    open_port(80)
    reserve(80, project="my shop: 2@home")

    text = admin_client.get("/").text

    (link,) = re.findall(r'href="(/projects/my[^"]*)"', text)
    assert admin_client.get(html.unescape(link)).context["project"] == "my shop: 2@home"


def test_a_card_says_plainly_that_somebody_else_holds_what_is_reserved(admin_client, open_port):
    open_port(80, process_name="python3", user="bob")
    reserve(80, process_name="nginx")

    assert told(admin_client) == ["by shop for nginx, held by python3"]
    assert "facet--bad" in admin_client.get("/").text


def test_it_says_as_much_of_the_holder_as_the_reservation_names(admin_client, open_port):
    open_port(80, process_name="nginx", user="bob", unit="bobs.service")
    reserve(80, process_name="nginx", user="www-data")

    assert told(admin_client) == ["by shop for nginx as www-data, held by nginx as bob"]


def test_what_is_reserved_for_every_host_is_violated_where_another_holds_it(
    admin_client, open_port
):
    open_port(80, process_name="nginx")
    open_port(80, host_id="beta", process_name="python3")
    reserve(80, host_id="*", process_name="nginx")

    assert sorted(told(admin_client)) == ["by shop", "by shop for nginx, held by python3"]


def test_nothing_is_said_of_what_ran_out_or_is_of_another_protocol_or_host(admin_client, open_port):
    open_port(80)
    open_port(53, protocol="udp")
    open_port(22)
    reserve(80, expires_at=NOON + DAY)
    reserve(53)
    reserve(22, host_id="beta")
    Reservation.objects.filter(port=80).update(expires_at=NOON)

    assert told(admin_client) == []


def test_the_search_finds_ports_by_the_project_that_has_them(admin_client, open_port):
    for number in (80, 81, 82):
        open_port(number, process_name="nginx")
    reserve(80, project="Web shop")
    reserve(81, project="shop", host_id="*")
    reserve(82, project="blog")

    def found(words):
        response = admin_client.get("/", {"q": words}, headers={"HX-Request": "true"})
        return [card.number for group in response.context["groups"] for card in group.cards]

    assert (found("SHOP"), found("shop web"), found("shop nginx 81")) == (
        ["80", "81"],
        ["80"],
        ["81"],
    )


def reader(client, django_user_model, *codenames):
    user = django_user_model.objects.create_user("reader")
    user.user_permissions.set(Permission.objects.filter(codename__in=codenames))
    client.force_login(user)
    return client


def test_who_may_not_see_reservations_is_shown_none(client, django_user_model, open_port):
    open_port(80)
    reserve(80)

    client = reader(client, django_user_model, "view_port", "view_portnote")
    text = client.get("/").text

    assert "Reserved" not in text
    assert "/projects/" not in text
    assert "No port fits." in client.get("/?q=shop").text


def statements(client):
    with CaptureQueriesContext(connection) as captured:
        assert client.get("/").status_code == 200
    return len(captured)


def test_reservations_cost_a_board_one_statement_and_where_there_are_none_not_that(
    admin_client, open_port
):
    for number in range(80, 90):
        open_port(number)
        open_port(number, host_id="beta")
    none = statements(admin_client)
    reserve(80)
    one = statements(admin_client)
    for number in range(81, 90):
        reserve(number, process_name="nginx")
        reserve(number + 100, host_id="*")

    assert (one, statements(admin_client)) == (none + 1, none + 1)


@pytest.mark.parametrize(
    "change",
    [
        lambda: reserve(81),
        lambda: services.renew(("atlas", "tcp", 80), {"expires_at": NOON + DAY}, by=ALICE, at=NOON),
        lambda: services.release(("atlas", "tcp", 80), by=ALICE, at=NOON),
    ],
    ids=["reserved", "renewed", "released"],
)
def test_whatever_becomes_of_a_reservation_changes_the_etag(change, admin_client, open_port):
    open_port(80)
    open_port(81)
    reserve(80)
    admin_client.get("/")
    etag = {"If-None-Match": admin_client.get("/")["ETag"]}
    before = admin_client.get("/", headers=etag).status_code

    change()

    assert (before, admin_client.get("/", headers=etag).status_code) == (304, 200)


def test_who_may_see_reservations_from_now_on_gets_them(client, django_user_model, open_port):
    open_port(80)
    reserve(80)
    client = reader(client, django_user_model, "view_port", "view_portnote")
    client.get("/")
    etag = {"If-None-Match": client.get("/")["ETag"]}

    user = django_user_model.objects.get(username="reader")
    user.user_permissions.add(Permission.objects.get(codename="view_reservation"))

    assert client.get("/", headers=etag).status_code == 200
    assert told(client) == ["by shop"]
