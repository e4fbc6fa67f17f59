"""The fast numbers and the fast order of the board are those of the rules."""

from datetime import timedelta
from functools import partial
from itertools import count, product

import pytest
from django.db import connection

from collector.models import Host, PortRuntime
from notes.models import PortNote
from portatlas.models import Memory, Port
from portatlas.states import UNSETTLED_TRUSTED, PortState
from portatlas.tally import page, tally
from tests.conftest import NOON
from tests.portatlas.reference import state_counts

HOUR, SECOND = timedelta(hours=1), timedelta(seconds=1)
PAGE = 17


@pytest.fixture
def fleet(add_host):
    """Everything that decides a state, crossed: on a host that is well, and on odd ones."""
    add_host("atlas")
    add_host("booting", unsettled="boot", watched_since=NOON)
    add_host("asleep", last_sweep_at=NOON - timedelta(days=1))
    add_host("unswept", last_sweep_at=None)
    numbers, facts, notes = count(1000), [], []
    for host_id, since, transition in product(
        ("atlas", "booting", "asleep", "unswept"),
        (NOON, NOON - HOUR + SECOND, NOON - HOUR, NOON - timedelta(days=2)),
        (None, NOON - HOUR, NOON - HOUR - SECOND, NOON + SECOND),
    ):
        for note, owner, is_client, state in product(
            (None, "trusted", "expected", "suspicious"),
            ("known", "unknown"),
            (False, True),
            ("active", "disappeared"),
        ):
            key = {"host_id": host_id, "protocol": "udp", "port": next(numbers)}
            facts.append(
                PortRuntime(
                    **key,
                    current_state=state,
                    first_seen_at=NOON - timedelta(days=9),
                    last_seen_at=NOON,
                    last_disappeared_at=NOON,
                    active_since=since,
                    transition_4_at=transition,
                    owner_state=owner,
                    is_client=is_client,
                    scope="any",
                )
            )
            if note:
                notes.append(PortNote(**key, risk_level=note))
    PortRuntime.objects.bulk_create(facts)
    PortNote.objects.bulk_create(notes)


@pytest.fixture
def hosts(fleet):
    return list(Host.objects.all())


def in_order(ports):
    """Return ports as a board shows them, sorted by their states one by one."""

    def urgency(port):
        severity = PORTS_SETTLE.get(port.severity, port.severity)
        return severity, port.port, port.protocol, port.host_id

    return sorted(ports, key=urgency)


PORTS_SETTLE = {UNSETTLED_TRUSTED: 60}  # in its place


@pytest.mark.parametrize("with_clients", [False, True])
def test_the_numbers_are_those_of_the_rules(with_clients, hosts, django_assert_num_queries):
    ports = Port.objects.with_state(NOON)
    shown = ports if with_clients else ports.without_clients()

    with django_assert_num_queries(3):
        found = tally(NOON, hosts, with_clients=with_clients)

    assert found.counts() == state_counts(shown)
    assert found.total == shown.count()
    assert found.clients == ports.clients().count()
    for host in hosts:
        of_host = found.of_host(host.host_id)
        assert of_host.counts() == state_counts(shown.filter(host=host))
        assert of_host.clients == ports.clients().filter(host=host).count()
    for state in PortState:
        assert found.in_state(state).total == shown.in_state(state).count()


def test_some_ports_are_counted_in_one_query(hosts, django_assert_num_queries):
    some = Port.objects.filter(note__risk_level="trusted", port__lt=2000)

    with django_assert_num_queries(1):
        found = tally(NOON, hosts, some)

    assert found.counts() == state_counts(some.with_state(NOON).without_clients())
    assert tally(NOON, hosts, Port.objects.all()).counts() == tally(NOON, hosts).counts()


def test_the_numbers_hold_whenever_somebody_looks(hosts, subtests):
    """The last sweep of all hosts may be long ago: nobody knows what settled since."""
    for late in (timedelta(), HOUR, timedelta(days=40)):
        with subtests.test(late=late):
            found = tally(NOON + late, hosts)

            shown = Port.objects.with_state(NOON + late).without_clients()
            assert found.counts() == state_counts(shown)


def test_a_host_whose_clock_is_ahead_does_not_disturb_the_others(hosts):
    Host.objects.filter(host_id="asleep").update(last_sweep_at=NOON + timedelta(days=3))

    found = tally(NOON, list(Host.objects.all()))

    shown = Port.objects.with_state(NOON).without_clients()
    assert found.counts() == state_counts(shown)


def test_nothing_is_counted_where_nothing_is(db):
    found = tally(NOON, [])

    assert (found.total, found.clients, found.counts()) == (0, 0, {})


def turn_pages(ports, numbers, **options):
    """Yield the ports of a board's pages until one is not full."""
    offset = 0
    while True:
        rows = page(NOON, ports, numbers, offset=offset, limit=PAGE, **options)
        yield from rows
        offset += PAGE
        if len(rows) < PAGE:
            return


@pytest.mark.parametrize("with_clients", [False, True])
def test_the_pages_are_the_whole_board_in_its_order(with_clients, hosts):
    numbers = tally(NOON, hosts, with_clients=with_clients)

    rows = list(turn_pages(Port.objects.all(), numbers, with_clients=with_clients))

    board = Port.objects.for_board(NOON)
    assert rows == in_order(board if with_clients else board.without_clients())


def test_the_pages_of_one_state_are_those_of_the_board(hosts, subtests):
    numbers, ports = tally(NOON, hosts), Port.objects.with_state(NOON)
    board = Port.objects.for_board(NOON).without_clients()

    for state in PortState:
        with subtests.test(state=state):
            rows = list(turn_pages(ports.in_state(state), numbers.in_state(state)))

            assert rows == in_order(board.in_state(state))


def test_a_page_of_narrowed_ports_has_just_those(hosts):
    some = Port.objects.filter(host_id="booting", note__isnull=False)

    rows = list(turn_pages(some, tally(NOON, hosts, some)))

    assert rows == in_order(
        Port.objects.for_board(NOON).filter(host_id="booting", note__isnull=False)
    )


def test_a_page_is_two_queries_at_most_and_all_that_its_cards_show(
    hosts, django_assert_num_queries
):
    numbers = tally(NOON, hosts)

    with django_assert_num_queries(2):
        around_flapping = page(
            NOON, Port.objects.all(), numbers, offset=numbers.urgent - 2, limit=PAGE
        )
        said = [(port.state, port.reason, port.note, port.host) for port in around_flapping]
    with django_assert_num_queries(1):
        urgent = page(NOON, Port.objects.all(), numbers, offset=0, limit=PAGE)
    with django_assert_num_queries(0):
        beyond = page(NOON, Port.objects.all(), numbers, offset=numbers.total, limit=PAGE)

    assert [state for state, *_ in said[:3]] == ["suspicious", "suspicious", "flapping"]
    assert {port.state for port in urgent} == {"suspicious"}
    assert beyond == []


def test_hosts_at_hand_are_not_read_again(hosts, django_assert_num_queries):
    numbers = tally(NOON, hosts)
    rows = page(NOON, Port.objects.all(), numbers, offset=0, limit=PAGE, hosts=hosts[:2])

    with django_assert_num_queries(0):
        found = [port.host for port in rows if port.host_id in {"asleep", "atlas"}]

    assert {id(host) for host in found} <= {id(host) for host in hosts}
    assert {port.host.host_id for port in rows} == {port.host_id for port in rows}


def test_a_trusted_port_stays_in_its_place_when_it_settles(open_port, write_note):
    for number, since in ((1, NOON), (2, NOON - HOUR), (3, NOON)):
        open_port(number, active_since=since)
        write_note(number, risk_level="trusted")

    rows = page(
        NOON, Port.objects.all(), tally(NOON, list(Host.objects.all())), offset=0, limit=PAGE
    )

    assert [(port.port, port.state) for port in rows] == [
        (1, "known"),
        (2, "healthy"),
        (3, "known"),
    ]


# How the database finds them: not by reading all there is.

on_sqlite = pytest.mark.skipif("connection.vendor != 'sqlite'", reason="it reads SQLite's plan")


def plans(call, captured):
    """Return how SQLite finds the rows of what a call asks for."""
    with captured as queries:
        call()
    found = []
    for query in queries:
        with connection.cursor() as cursor:
            cursor.execute(f"EXPLAIN QUERY PLAN {query['sql']}".replace("%", "%%"))
            found.append(" / ".join(row[3] for row in cursor.fetchall()))
    return found


@on_sqlite
def test_the_numbers_are_read_from_indexes(hosts, django_assert_num_queries):
    well = [host for host in hosts if host.host_id == "atlas"]

    of_rank, of_young, of_flapping = plans(lambda: tally(NOON, well), django_assert_num_queries(3))

    assert "COVERING INDEX portatlas_standing_of_host" in of_rank
    assert "COVERING INDEX portatlas_standing_youngest (rank=? AND since>?)" in of_young
    assert "INDEX collector_port_restless" in of_flapping


@on_sqlite
def test_a_page_is_read_along_the_index_of_its_order(hosts, django_assert_num_queries):
    numbers = tally(NOON, hosts)

    def read():
        page(NOON, Port.objects.all(), numbers, offset=numbers.urgent - 2, limit=PAGE)

    of_flapping, of_rest = plans(read, django_assert_num_queries(2))

    assert "INDEX collector_port_restless" in of_flapping
    assert of_rest.startswith("SEARCH portatlas_standing USING INDEX portatlas_standing_board")
    assert "ORDER BY" not in of_rest


@on_sqlite
def test_a_page_of_one_state_reads_its_ranks_alone(hosts, django_assert_num_queries, subtests):
    numbers, ports = tally(NOON, hosts), Port.objects.with_state(NOON)

    def read(state):
        page(NOON, ports.in_state(state), numbers.in_state(state), offset=0, limit=PAGE)

    for state in sorted({*PortState} - {PortState.FLAPPING}):
        with subtests.test(state=state):
            (plan,) = plans(partial(read, state), django_assert_num_queries(1))

            assert "INDEX portatlas_standing_board (rank=?)" in plan
            assert "ORDER BY" not in plan


@on_sqlite
def test_notes_of_ports_never_seen_are_found_by_their_rank(hosts, django_assert_num_queries):
    (plan,) = plans(lambda: list(Memory.objects.never_seen()[:100]), django_assert_num_queries(1))

    assert "COVERING INDEX portatlas_standing_board (rank=?)" in plan
    assert "ORDER BY" not in plan
