"""Client sockets: told from servers when read, by a note or by staying."""

from datetime import timedelta

import pytest

from collector.models import PortRuntime
from portatlas.models import Port
from tests.conftest import NOON

HOUR = timedelta(hours=1)
SECOND = timedelta(seconds=1)


@pytest.fixture
def open_client(open_port):
    """Return a function that records a UDP socket on an ephemeral port, just opened at noon."""

    def open_client(port=40000, **fields):
        fields = {"active_since": NOON, "is_client": True} | fields
        return open_port(port, protocol="udp", **fields)

    return open_client


def read():
    """Return (clients, servers, what each row says of itself)."""
    return (
        [port.port for port in Port.objects.clients()],
        [port.port for port in Port.objects.without_clients()],
        [port.counts_as_client for port in Port.objects.for_board(NOON)],
    )


def test_a_fresh_socket_on_an_ephemeral_port_is_a_client(open_client):
    """N36: a client that waits for its answer looks like a server."""
    open_client()

    assert read() == ([40000], [], [True])


def test_a_note_makes_a_server(open_client, write_note):
    """N37: somebody said what it is."""
    open_client()
    write_note(40000, protocol="udp")

    assert read() == ([], [40000], [False])


@pytest.mark.parametrize(
    ("fields", "is_client"),
    [
        ({"active_since": NOON - HOUR + SECOND}, True),
        ({"active_since": NOON - HOUR}, False),
        # The row of a port that just stays is not written, its host's is.
        ({"active_since": NOON - HOUR, "last_seen_at": NOON - HOUR}, False),
        ({"active_since": NOON - 3 * HOUR, "last_seen_at": NOON - 2 * HOUR, "gone": True}, False),
        ({"active_since": NOON - 3 * HOUR, "last_seen_at": NOON - 3 * HOUR, "gone": True}, True),
        ({"active_since": None, "gone": True}, True),
    ],
)
def test_staying_for_an_hour_makes_a_server(fields, is_client, open_client):
    """N37: WireGuard, games and mosh listen on high ports, and stay there."""
    open_client(**fields)

    assert read() == (([40000], [], [True]) if is_client else ([], [40000], [False]))


def test_nobody_knows_whether_a_socket_stays_that_nobody_looks_at(add_host, open_client):
    add_host(last_sweep_at=None)
    open_client(first_seen_at=NOON - 2 * HOUR, last_seen_at=NOON, active_since=NOON)

    assert read() == ([40000], [], [True])


def test_a_server_on_an_ordinary_port_is_never_a_client(open_port):
    open_port(22, active_since=NOON)

    assert read() == ([], [22], [False])


def test_the_board_hides_clients_until_asked_for(admin_client, open_client, write_note):
    open_client(40000)
    open_client(40001)
    write_note(40001, protocol="udp")
    open_client(51820, active_since=NOON - HOUR)

    def shown(**query):
        groups = admin_client.get("/", query).context["groups"]
        return [int(card.number) for group in groups for card in group.cards]

    assert sorted(shown()) == [40001, 51820]
    assert sorted(shown(clients="1")) == [40000, 40001, 51820]


@pytest.mark.parametrize(("value", "expected"), [("yes", [40000]), ("no", [51820])])
def test_the_admin_filters_by_what_counts_as_a_client(value, expected, admin_client, open_client):
    open_client(40000)
    open_client(51820, active_since=NOON - HOUR)

    response = admin_client.get("/admin/portatlas/port/", {"client": value})

    assert [port.port for port in response.context["cl"].result_list] == expected


def test_telling_clients_costs_one_statement_however_many(open_client, django_assert_num_queries):
    host = open_client().host
    PortRuntime.objects.bulk_create(
        PortRuntime(
            host=host,
            protocol="udp",
            port=port,
            first_seen_at=NOON,
            last_seen_at=NOON,
            active_since=NOON,
            scope="any",
            owner_state="known",
            is_client=True,
        )
        for port in range(40001, 40101)
    )

    with django_assert_num_queries(1):
        clients = list(Port.objects.clients())

    assert len(clients) == 101
