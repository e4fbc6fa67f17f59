"""The lists of the admin: what they show, how they are sorted, filtered and counted."""

from datetime import date, timedelta

import pytest
from django.contrib.auth.models import Permission
from django.contrib.contenttypes.models import ContentType
from django.utils import timezone

from collector.models import PortEvent
from tests.portatlas.test_csp import InlineFinder

PORTS = "/admin/portatlas/port/"
NOTES = "/admin/notes/portnote/"

PAGES = [
    # Session, user, count, rows, saved views, and what is behind the choices of the filters.
    (PORTS, 6),
    # ... and what is behind the choices of the two that are made.
    (f"{PORTS}?state=known&owner=-", 8),
    # Session, user, port with note and host, its events, the content type for "View on site".
    (f"{PORTS}{{port}}/change/", 5),
    # Session, user, count, rows, the ports of their keys, choices.
    (NOTES, 6),
    # Session, user, note, owners, tags.
    (f"{NOTES}{{note}}/change/", 6),
    # Session, user, note, versions, their number, content type.
    (f"{NOTES}{{note}}/history/", 6),
    ("/admin/portatlas/savedview/", 5),
    ("/admin/collector/host/", 5),
    ("/admin/collector/portevent/", 7),
]


@pytest.fixture
def records(open_port, write_note):
    """Return a function that records so many ports with notes and events."""

    def records(count):
        for number in range(1000, 1000 + count):
            port = open_port(number)
            open_port(number, protocol="udp")
            open_port(number, host_id=f"other-{number}")
            note = write_note(number, owner=f"owner-{number}", tags=["web"])
            write_note(number, host_id="*", protocol="udp")
            PortEvent.objects.create(
                port_runtime=port, event_type="alive", timestamp=timezone.now()
            )
        return port, note

    return records


@pytest.mark.parametrize("count", [1, 3])
@pytest.mark.parametrize(("page", "queries"), PAGES)
def test_query_count_does_not_grow(
    page, queries, count, admin_client, records, django_assert_num_queries
):
    port, note = records(count)
    ContentType.objects.clear_cache()  # the admin asks for one, once in a process

    with django_assert_num_queries(queries):
        response = admin_client.get(page.format(port=port.pk, note=note.pk))

    assert response.status_code == 200


@pytest.mark.parametrize("page", [page for page, _queries in PAGES])
def test_no_page_asks_for_an_exception_from_the_policy(page, admin_client, records):
    port, note = records(1)
    finder = InlineFinder()

    finder.feed(admin_client.get(page.format(port=port.pk, note=note.pk)).text)

    assert finder.found == []


def shown(response):
    return [port.port for port in response.context["cl"].result_list]


def test_the_list_begins_with_what_is_urgent(admin_client, open_port, write_note):
    open_port(1)
    open_port(2)
    open_port(3, owner_state="unknown")
    write_note(1)

    assert shown(admin_client.get(PORTS)) == [3, 2, 1]


@pytest.mark.parametrize(
    ("column", "upwards", "downwards"),
    [
        ("memory", [2, 1, 3], [1, 2, 3]),
        ("owner", [1, 2, 3], [2, 1, 3]),
        ("risk", [2, 1, 3], [1, 2, 3]),
    ],
)
def test_what_nobody_wrote_stands_last_upwards_and_downwards(
    column, upwards, downwards, admin_client, open_port, write_note
):
    for number in (1, 2, 3):
        open_port(number)
    write_note(1, title="Shop", owner="alice", risk_level="trusted")
    write_note(2, title="Cache", owner="bob", risk_level="suspicious")
    place = admin_client.get(PORTS).context["cl"].list_display.index(column)

    up, down = (shown(admin_client.get(PORTS, {"o": f"{sign}{place}"})) for sign in ("", "-"))

    assert (up, down) == (upwards, downwards)


def choices(response, parameter):
    [spec] = [
        each for each in response.context["cl"].filter_specs if each.parameter_name == parameter
    ]
    return [choice["display"] for choice in spec.choices(response.context["cl"])]


def test_filters_count_what_is_behind_each_choice(admin_client, open_port, write_note):
    open_port(1)
    open_port(2)
    open_port(3, owner_state="unknown")
    open_port(4, scope="loopback")
    write_note(1, owner="alice")
    write_note(2, owner="alice", review_by=date(2020, 1, 1))
    write_note(4, host_id="*", owner="bob")

    response = admin_client.get(PORTS)

    assert {name: choices(response, name) for name in FILTERS} == {
        "state": ["All", "Suspicious (1)", "Known (3)"],
        "risk": ["All", "Expected (3)", "no note (1)"],
        "owner": ["All", "alice (2)", "bob (1)", "nobody (1)"],
        "reach": ["All", "this machine only (1)", "everywhere (3)"],
        "note": ["All", "of this host (2)", "for every host (1)", "none (1)"],
        "review": ["All", "overdue (1)", "no date (3)"],
        "client": ["All", "no (4)"],
    }


FILTERS = ("state", "risk", "owner", "reach", "note", "review", "client")


def test_a_filter_counts_what_the_other_filters_leave(admin_client, open_port, write_note):
    open_port(1)
    open_port(2)
    open_port(3, scope="loopback")
    write_note(1, owner="alice")
    write_note(3, owner="bob")

    response = admin_client.get(PORTS, {"owner": "alice", "reach": "any"})

    assert shown(response) == [1]
    assert choices(response, "owner") == ["All", "alice (1)", "nobody (1)"]
    assert choices(response, "reach") == ["All", "everywhere (1)"]


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("state=unnoted", [3, 5]),
        ("risk=-", [3, 5]),
        ("risk=trusted", [1]),
        ("owner=-", [2, 3, 5]),
        ("owner=alice", [1]),
        ("type=web", [1]),
        ("reach=loopback", [3]),
        ("host=other", [4]),
        ("protocol=udp", [5]),
        ("note=inherited", [4]),
        ("note=own", [1, 2]),
        ("note=-", [3, 5]),
        ("review=stale", [2]),
        ("review=later", [1]),
        ("review=-", [3, 4, 5]),
        ("client=yes", [5]),
        ("client=no", [1, 2, 3, 4]),
        ("q=nginx", [3]),
        ("owner=%00", [1, 2, 3, 4, 5]),
        ("state=nonsense", []),
        ("p=2", []),
    ],
)
def test_filters_keep_what_they_say(query, found, admin_client, open_port, write_note):
    now = timezone.now()
    open_port(1)
    open_port(2)
    open_port(3, scope="loopback", process_name="nginx")
    open_port(4, host_id="other")
    open_port(5, protocol="udp", is_client=True, active_since=now, last_seen_at=now)
    week = timedelta(days=7)
    write_note(1, owner="alice", risk_level="trusted", service_type="web", review_by=now + week)
    write_note(2, review_by=now - week)
    write_note(4, host_id="*", owner="bob")

    response = admin_client.get(f"{PORTS}?{query}", follow=True)

    assert response.status_code == 200
    if query != "p=2":
        assert sorted(shown(response)) == found


def test_a_page_beyond_the_first_is_sorted_like_the_first(admin_client, open_port):
    for number in range(1, 61):
        open_port(number)

    first, second = (shown(admin_client.get(PORTS, {"p": page})) for page in (1, 2))

    assert (first, second) == (list(range(1, 51)), list(range(51, 61)))


def test_a_note_for_every_host_is_told_from_one_of_the_host(admin_client, open_port, write_note):
    open_port(1)
    write_note(1, host_id="*", title="SSH")

    response = admin_client.get(PORTS)

    assert "SSH</a> <small>for every host</small>" in response.text


def test_the_page_of_a_port_tells_facts_in_words(admin_client, open_port):
    port = open_port(80, process_name="nginx", pids=[7, 8], cmdline="nginx -g <b>", user="www")
    PortEvent.objects.create(
        port_runtime=port,
        event_type="rebound",
        timestamp=timezone.now(),
        changes={"process_name": ["apache", "nginx"]},
    )

    text = admin_client.get(f"{PORTS}{port.pk}/change/").text

    for words in ("it has no note", "everywhere", "7, 8", "nginx -g &lt;b&gt;", "apache → nginx"):
        assert words in text
    assert 'href="/ports/atlas/tcp/80/"' in text
    assert 'name="_save"' not in text


def test_the_timeline_of_a_port_ends_after_fifty_events(admin_client, open_port):
    port, now = open_port(80), timezone.now()
    PortEvent.objects.bulk_create(
        PortEvent(port_runtime=port, event_type="alive", timestamp=now - timedelta(hours=each))
        for each in range(60)
    )

    text = admin_client.get(f"{PORTS}{port.pk}/change/").text

    assert text.count('class="form-row has_original') == 50


@pytest.mark.parametrize("page", ["portatlas/port", "collector/portevent", "collector/host"])
def test_facts_are_not_edited(page, admin_client, open_port):
    port = open_port(80)
    PortEvent.objects.create(port_runtime=port, event_type="alive", timestamp=timezone.now())
    pk = {"collector/host": "atlas", "collector/portevent": PortEvent.objects.get().pk}

    address = f"/admin/{page}/{pk.get(page, port.pk)}"

    assert admin_client.post(f"{address}/change/", {}).status_code == 403
    assert admin_client.post(f"{address}/delete/", {"post": "yes"}).status_code == 403
    assert admin_client.get(f"/admin/{page}/add/").status_code == 403


def test_the_list_of_notes_tells_how_their_ports_stand(admin_client, open_port, write_note):
    open_port(1, owner_state="unknown")
    write_note(1, risk_level="suspicious", review_by=date(2020, 1, 1), tags=["web", "prod"])
    write_note(2)
    write_note(1, host_id="*")

    response = admin_client.get(NOTES)

    states = [note.fact and note.fact.state.value for note in response.context["cl"].result_list]
    assert states == [None, "suspicious", None]
    assert "never seen" in response.text
    assert '<span class="overdue">2020-01-01 overdue</span>' in response.text


def test_notes_are_found_by_a_tag_and_not_by_a_part_of_one(admin_client, write_note):
    write_note(1, tags=["web", "prod"])
    write_note(2, tags=["webmail"])
    write_note(3)

    response = admin_client.get(NOTES, {"tag": "web"})

    assert shown(response) == [1]
    assert choices(response, "tag") == ["All", "prod (1)", "web (1)", "webmail (1)"]


def test_who_may_not_see_ports_is_not_told_how_they_stand(
    client, django_user_model, open_port, write_note
):
    clerk = django_user_model.objects.create_user("clerk", is_staff=True)
    clerk.user_permissions.add(Permission.objects.get(codename="view_portnote"))
    client.force_login(clerk)
    open_port(1)
    note = write_note(1)

    response = client.get(NOTES)

    assert note.title in response.text
    assert "state--" not in response.text
