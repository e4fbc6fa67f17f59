"""ETags of what is read: the same while nothing has changed, and another as soon as it has."""

from datetime import timedelta

import pytest
from django.db import connection

from collector.models import Host, HostEvent, PortEvent
from collector.retention import prune
from collector.services import reconcile
from notes.models import PortNote
from tests.collector.sweeps import listener, sweep
from tests.conftest import NOON

MOVING = ("ports/", "ports/atlas/tcp/80/", "hosts/", "hosts/atlas/", "coverage/", "summary/")
STEADY = ("events/", "host-events/")
SECOND = timedelta(seconds=1)


@pytest.fixture(autouse=True)
def _noon(time_machine):
    time_machine.move_to(NOON + SECOND, tick=False)


@pytest.fixture
def ask(admin_client):
    """Return a function that asks with an ETag, and tells the status and the ETag of the answer."""

    def ask(where, tag=""):
        headers = {"if-none-match": tag} if tag else {}
        answer = admin_client.get(f"/api/v1/{where}", headers=headers)
        return answer.status_code, answer["ETag"]

    return ask


@pytest.fixture
def watched(db):
    reconcile(sweep(listener(80), listener(22), taken_at=NOON))


@pytest.mark.parametrize("where", [*MOVING, *STEADY, "ports/?at=2026-01-01T12:00"])
def test_what_has_not_changed_is_not_told_again(where, ask, watched, admin_client):
    _status, tag = ask(where)

    answer = admin_client.get(f"/api/v1/{where}", headers={"if-none-match": f'"x", W/{tag}'})

    assert (answer.status_code, answer.content, answer["ETag"]) == (304, b"", tag)
    assert answer["Cache-Control"] == "private, no-cache"


@pytest.mark.parametrize("where", MOVING)
def test_each_sweep_gives_another_name_to_what_tells_of_the_last_look(where, ask, watched):
    _status, tag = ask(where)
    reconcile(sweep(listener(80), listener(22), taken_at=NOON + SECOND))

    assert ask(where, tag)[0] == 200


def test_a_look_that_failed_is_news(ask, watched):
    _status, tag = ask("hosts/")
    Host.objects.update(last_look_at=NOON + SECOND, verdict="failed", reason="No ss.")

    assert ask("hosts/", tag)[0] == 200


@pytest.mark.parametrize("where", STEADY)
def test_a_sweep_that_tells_nothing_new_leaves_histories_as_they_are(where, ask, watched):
    _status, tag = ask(where)
    reconcile(sweep(listener(80), listener(22), taken_at=NOON + SECOND))

    assert ask(where, tag)[0] == 304


def test_what_happens_is_news(ask, watched):
    _status, tag = ask("events/")
    reconcile(sweep(listener(80), taken_at=NOON + SECOND))

    assert ask("events/", tag)[0] == 200


def test_that_old_events_were_deleted_is_news(ask, watched):
    _status, tag = ask("events/")
    prune(NOON + SECOND)

    assert ask("events/", tag)[0] == 200


def test_what_happens_to_a_host_is_news(ask, watched):
    _status, tag = ask("host-events/")
    HostEvent.objects.create(host_id="atlas", event_type="surge", timestamp=NOON)

    assert ask("host-events/", tag)[0] == 200


def test_a_note_that_is_written_changed_or_deleted_is_news(ask, watched, write_note):
    tags = [ask("ports/")[1]]
    note = write_note(80)
    tags.append(ask("ports/", tags[-1])[1])
    note.title = "Shop"
    note.save()
    tags.append(ask("ports/", tags[-1])[1])
    PortNote.objects.get().delete()
    tags.append(ask("ports/", tags[-1])[1])

    assert len(set(tags)) == 4


def test_what_the_clock_alone_decides_is_news_within_a_minute(ask, watched, time_machine):
    _status, tag = ask("ports/")
    time_machine.shift(30)
    soon = ask("ports/", tag)[0]
    time_machine.shift(31)

    assert (soon, ask("ports/", tag)[0]) == (304, 200)


def test_another_page_has_another_name(ask, watched):
    tags = {ask(where)[1] for where in ("ports/", "ports/?limit=1", "ports/?limit=1&offset=1")}

    assert len(tags) == 3


def test_what_is_refused_or_not_there_has_no_name(admin_client, watched):
    answers = [
        admin_client.get(f"/api/v1/{where}")
        for where in ("ports/?state=fine", "ports/atlas/tcp/9/", "hosts/nobody/")
    ]

    assert [answer.has_header("ETag") for answer in answers] == [False] * 3
    assert {answer["Cache-Control"] for answer in answers} == {"private, no-cache"}


@pytest.mark.skipif("connection.vendor != 'postgresql'", reason="SQLite has one writer at a time")
@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("address", ["/api/v1/events/", "/changes.atom"])
def test_what_is_seen_after_what_has_a_higher_number_is_news(address, admin_client, open_port):
    event = {"port_runtime": open_port(80), "event_type": "appeared", "timestamp": NOON}
    PortEvent.objects.create(**event)
    late = connection.copy()
    late.set_autocommit(False)
    try:
        with late.cursor() as cursor:
            cursor.execute(
                "INSERT INTO collector_portevent "
                "(port_runtime_id, event_type, timestamp, cause, changes) "
                "SELECT port_runtime_id, event_type, timestamp, cause, changes "
                "FROM collector_portevent"
            )
        PortEvent.objects.create(**event)
        tag = admin_client.get(address)["ETag"]
        before = admin_client.get(address, headers={"if-none-match": tag}).status_code
        late.commit()
        after = admin_client.get(address, headers={"if-none-match": tag}).status_code
    finally:
        late.close()

    assert (before, after) == (304, 200)


@pytest.mark.parametrize("where", [*MOVING, *STEADY])
def test_that_nothing_changed_is_told_in_two_queries_beside_who_asks(
    where, ask, watched, django_assert_max_num_queries
):
    _status, tag = ask(where)

    with django_assert_max_num_queries(4):
        status, _tag = ask(where, tag)

    assert status == 304
