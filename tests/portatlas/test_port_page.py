"""The page of one port: what was observed, what people know, and what it was over time."""

import html
import re
from datetime import timedelta

import pytest
from django.contrib.auth.models import Permission

from collector.models import Coverage, Host, HostEvent, PortEvent
from notes import services
from notes.models import PortNote
from portatlas.board import neighbours, process_tree
from portatlas.models import Port
from tests.conftest import NOON

PAGE = "/ports/atlas/tcp/80/"


@pytest.fixture
def at_noon(time_machine):
    time_machine.move_to(NOON, tick=False)


@pytest.fixture
def read(admin_client):
    """Return a function that reads a page as text."""

    def read(page=PAGE, client=admin_client, **query):
        text = client.get(page, query).text
        main = text[text.index("<main") :]
        return " ".join(html.unescape(re.sub("<[^>]+>", " ", main)).split())

    return read


def of_board(row):
    return Port.objects.for_board(NOON).get(pk=row.pk)


# Session, user, port with its host and note, history of the note, ports of its number and their
# count, its reservation and the history of that, what the same program holds, the oldest event,
# two of the past, three of the timeline.
SEEN = 15


@pytest.mark.usefixtures("at_noon")
@pytest.mark.parametrize("count", [1, 3])
def test_the_page_costs_the_same_however_much_there_is(
    count, admin_client, admin_user, open_port, django_assert_num_queries
):
    Host.objects.create(
        host_id="atlas",
        last_look_at=NOON,
        last_sweep_at=NOON,
        verdict="complete",
        owners_seen="all",
        watched_since=NOON - timedelta(minutes=1),
        watched_until=NOON,
    )
    port = open_port(80, current_pid=7, pids=[7], unit="web.service", active_since=NOON)
    note = PortNote(host_id="atlas", protocol="tcp", port=80, title="Shop")
    for number in range(count):
        open_port(90 + number, current_pid=7, pids=[7])
        open_port(80, host_id=f"other-{number}")
        services.save(note, by=admin_user, seen=note.version if note.pk else None)
        for event_type in ("appeared", "alive", "rebound"):
            PortEvent.objects.create(
                port_runtime=port, event_type=event_type, timestamp=NOON - timedelta(hours=number)
            )
        HostEvent.objects.create(host_id="atlas", event_type="rebooted", timestamp=NOON)
        Coverage.objects.create(host_id="atlas", started_at=NOON - timedelta(days=2), ended_at=NOON)

    with django_assert_num_queries(SEEN):
        response = admin_client.get(PAGE)

    assert response.status_code == 200


def test_a_question_about_the_past_costs_eight_queries_at_most(
    admin_client, open_port, django_assert_max_num_queries
):
    open_port(80, current_pid=7, pids=[7])

    with django_assert_max_num_queries(SEEN + 8):
        admin_client.get(PAGE, {"at": "2026-01-01T11:30"})


@pytest.mark.parametrize("count", [1, 3])
def test_the_page_of_a_note_alone_costs_nine_queries(
    count, admin_client, open_port, write_note, django_assert_num_queries
):
    """Session, user, no port, note, its history, the reservation and its, ports of its number."""
    write_note(80)
    for number in range(count):
        open_port(80, host_id=f"other-{number}")

    with django_assert_num_queries(9):
        response = admin_client.get(PAGE)

    assert response.status_code == 200


@pytest.mark.usefixtures("at_noon")
def test_the_head_says_what_it_is_at_one_look(open_port, read):
    open_port(80, process_name="nginx", exe_is_deleted=True)

    assert (
        "80 /tcp nginx Unnoted It has no note. Reach everywhere Now up 1 h "
        "First seen 1 d ago Last seen 0 s ago Host atlas Open http://atlas:80/ in a new tab "
        "Its program file was replaced or removed since it started: restart it."
    ) in read()


def test_a_link_to_open_it_tells_the_other_page_nothing(admin_client, open_port):
    open_port(80, process_name="nginx")

    link = re.search(r"<a [^>]*port__open[^>]*>", admin_client.get(PAGE).text)[0]

    assert 'href="http://atlas:80/"' in link
    assert 'target="_blank"' in link
    assert 'rel="noopener noreferrer"' in link


def test_a_host_that_was_never_seen_whole_is_told(add_host, open_port, read):
    add_host(last_sweep_at=None, verdict="partial")
    open_port(80)

    assert "No look at atlas was complete yet: what is gone there can't be told." in read()


# What people know


def test_a_description_is_shown_as_safe_markdown(admin_client, open_port, write_note):
    open_port(80)
    write_note(80, description="# Shop\n\n**Ask** first. <script>alert(1)</script>")

    text = admin_client.get(PAGE).text

    assert "<h3>Shop</h3>" in text
    assert "<strong>Ask</strong>" in text
    assert "<script>alert" not in text


@pytest.mark.usefixtures("at_noon")
def test_the_note_says_who_changed_it_last(admin_user, open_port, read):
    open_port(80)
    note = PortNote(host_id="atlas", protocol="tcp", port=80, title="Shop", owner="Shop team")
    services.save(note, by=admin_user)
    note.title = "The shop"
    services.save(note, by=admin_user, seen=1)

    text = read()

    assert "Ask Shop team" in text
    assert "Last saved by admin 0 s ago." in text
    assert "Changed by admin 2026-01-01 12:00:00 title Shop → The shop" in text


@pytest.mark.usefixtures("at_noon")
def test_stale_knowledge_is_told(open_port, write_note, read):
    open_port(80)
    write_note(80, review_by="2025-12-30")

    text = read()

    assert "Somebody should have looked at it again by 2025-12-30." in text
    assert "Review by 2025-12-30, 2 days ago" in text


def test_a_note_for_every_host_says_for_how_many_it_speaks(
    admin_client, open_port, write_note, read
):
    open_port(80)
    open_port(80, host_id="other")
    open_port(80, protocol="udp")
    write_note(80, host_id="*", title="HTTP")

    text = read()

    assert "This note speaks for every host (this port was seen on 2 hosts)." in text
    assert "Write one for atlas alone" in text
    assert "Edit the one for every host" in text


def test_a_note_for_this_host_is_edited_from_here_and_back(admin_client, open_port, write_note):
    open_port(80)
    write_note(80)

    text = admin_client.get(PAGE).text

    link = re.search(r'<a href="([^"]*)">Edit the note', text)[1]
    assert link == "/ports/atlas/tcp/80/note/?next=%2Fports%2Fatlas%2Ftcp%2F80%2F"
    assert admin_client.get(link).status_code == 200


def test_a_viewer_reads_everything_and_writes_nothing(
    client, django_user_model, open_port, write_note, read
):
    viewer = django_user_model.objects.create_user("viewer")
    viewer.user_permissions.set(
        Permission.objects.filter(codename__in=["view_port", "view_portnote"])
    )
    client.force_login(viewer)
    open_port(80)
    write_note(80, title="Shop")

    text = read(client=client)

    assert "Shop" in text
    assert "History of the note" in text
    assert "Edit the note" not in text
    assert "Move the note" not in text
    assert "Judge it" not in text


def test_the_older_versions_of_a_note_are_folded(admin_user, open_port, read):
    open_port(80)
    note = PortNote(host_id="atlas", protocol="tcp", port=80)
    for number in range(8):
        note.title = f"Title {number}"
        services.save(note, by=admin_user, seen=note.version if note.pk else None)

    assert "3 older versions" in read()


# What was observed


def test_the_processes_are_nested_down_to_those_that_hold_it(open_port):
    ancestors = [{"pid": 5, "name": "dockerd"}, {"pid": 1, "name": "systemd"}]
    row = open_port(80, current_pid=7, pids=[7, 8], process_name="nginx <b>", ancestors=ancestors)

    tree = process_tree.tree(of_board(row))

    assert tree == (
        "<ul><li>systemd <small>1</small>"
        "<ul><li>dockerd <small>5</small>"
        "<ul><li><b>nginx &lt;b&gt; <small>7</small></b>"
        "<ul><li>process <small>8</small> <small>holds it too</small></li></ul>"
        "</li></ul></li></ul></li></ul>"
    )


def test_a_crowd_of_workers_is_counted(open_port):
    row = open_port(80, current_pid=1000, pids=list(range(1000, 1100)))

    assert "<li>and 79 more</li>" in process_tree.tree(of_board(row))


def test_a_port_that_nobody_is_seen_to_hold_has_no_tree(open_port):
    assert process_tree.tree(of_board(open_port(80))) == ""


def test_what_the_same_program_holds_is_told_with_what_they_have_in_common(open_port):
    row = open_port(80, current_pid=7, pids=[7, 8], unit="web.service", container="c1")
    open_port(81, current_pid=8, pids=[8])
    open_port(82, unit="web.service")
    open_port(83, container="c1", unit="web.service")
    open_port(84, unit="other.service")
    open_port(85, host_id="other", current_pid=7, pids=[7], unit="web.service")
    open_port(86, current_pid=7, pids=[7], gone=True)

    found = neighbours.related(of_board(row), NOON)

    assert [(each.name, each.bond) for each in found.ports] == [
        ("81/tcp", "same process"),
        ("82/tcp", "same unit"),
        ("83/tcp", "same container"),
    ]


def test_of_a_port_that_is_gone_its_process_is_no_bond(open_port):
    gone = open_port(80, gone=True, pids=[7], current_pid=7)
    open_port(81, pids=[7], current_pid=7)

    found = neighbours.related(Port.objects.get(pk=gone.pk), NOON)

    assert found.ports == []


def test_a_port_without_any_evidence_is_related_to_nothing(open_port, django_assert_num_queries):
    row = of_board(open_port(80))
    open_port(81)

    with django_assert_num_queries(0):
        found = neighbours.related(row, NOON)

    assert found.ports == []


def test_the_same_number_elsewhere_is_told_and_counted(open_port):
    open_port(80)
    open_port(80, protocol="udp")
    for number in range(25):
        open_port(80, host_id=f"other-{number:02}")

    found = neighbours.numbered(("atlas", "tcp", 80), NOON)

    assert [each.name for each in found.ports[:2]] == ["80/udp", "80/tcp on other-00"]
    assert (len(found.ports), found.total, found.hosts) == (20, 26, 26)


# What it was over time


@pytest.mark.usefixtures("at_noon")
@pytest.mark.parametrize(
    ("asked", "says"), [("", "Last 24 hours:"), ("7d", "Last 7 days:"), ("nonsense", "Last 24 ho")]
)
def test_a_span_is_chosen_and_said_in_words(asked, says, open_port, read):
    open_port(80)

    assert says in read(span=asked)


@pytest.mark.usefixtures("at_noon")
def test_the_bar_is_a_list_as_well(add_host, open_port, read):
    add_host(watched_since=NOON - timedelta(days=2), watched_until=NOON)
    port = open_port(80, first_seen_at=NOON - timedelta(hours=1))
    PortEvent.objects.create(
        port_runtime=port, event_type="appeared", timestamp=NOON - timedelta(hours=1)
    )

    text = read()

    assert "up 2026-01-01 11:00:00 to 2026-01-01 12:00:00 1 h" in text
    assert "down 2025-12-31 12:00:00 to 2026-01-01 11:00:00 23 h" in text


@pytest.mark.usefixtures("at_noon")
@pytest.mark.parametrize(
    ("asked", "answer"),
    [
        ("2026-01-01T11:30", "At 2026-01-01 11:30:00 UTC it was up."),
        ("2026-01-01T10:30:00+00:00", "At 2026-01-01 10:30:00 UTC it was down."),
        ("2025-12-29T12:00", "it is not known what it was."),
        ("2026-01-01T12:30", "That is still to come: ask about a time that is over."),
        ("yesterday", "That is no date and time. Write it as 2026-11-20T14:00"),
        ("9999-12-31T23:59:59-23:00", "That is no date and time."),
        ("0001-01-01T00:00", "it is not known what it was."),
        ("2026-01-01\x0011:30", "it was up."),
    ],
)
def test_what_was_there_at_a_time_is_answered_in_words(asked, answer, add_host, open_port, read):
    add_host(watched_since=NOON - timedelta(days=2), watched_until=NOON)
    port = open_port(80, first_seen_at=NOON - timedelta(hours=1))
    PortEvent.objects.create(
        port_runtime=port, event_type="appeared", timestamp=NOON - timedelta(hours=1), pid=7
    )

    text = read(at=asked)

    assert answer in text


@pytest.mark.usefixtures("at_noon")
def test_the_answer_tells_who_held_it(add_host, open_port, read):
    add_host(watched_since=NOON - timedelta(days=2), watched_until=NOON)
    port = open_port(80, process_name="caddy", current_pid=8)
    for hours, event_type, changes in (
        (5, "appeared", {}),
        (2, "rebound", {"process_name": ["nginx", "caddy"], "current_pid": [7, 8]}),
    ):
        PortEvent.objects.create(
            port_runtime=port,
            event_type=event_type,
            timestamp=NOON - timedelta(hours=hours),
            changes=changes,
            pid=8 if changes else 7,
        )

    text = read(at="2026-01-01T08:00")

    assert "From 2026-01-01 07:00:00" in text or "Since 2026-01-01 07:00:00, and still." in text
    assert "Held by: Process nginx Pid 7" in text


@pytest.mark.usefixtures("at_noon")
def test_the_answer_tells_in_which_state_it_was_and_what_its_note_was_called(
    add_host, open_port, write_note, read, time_machine
):
    add_host(watched_since=NOON - timedelta(days=2), watched_until=NOON)
    long_ago = NOON - timedelta(days=1)
    PortEvent.objects.create(port_runtime=open_port(80), event_type="appeared", timestamp=long_ago)
    time_machine.move_to(NOON - timedelta(hours=2), tick=False)
    note = write_note(80, title="Shop", host_id="*", risk_level="suspicious")
    time_machine.move_to(NOON - timedelta(minutes=20), tick=False)
    note.delete()
    time_machine.move_to(NOON, tick=False)

    before, after = read(at="2026-01-01T11:30"), read(at="2026-01-01T11:45")

    said = "It was suspicious: its note says suspicious. Its note for every host was “Shop”."
    assert said in before
    assert "It was unnoted: it has no note." in after


def test_older_events_are_a_page_away(admin_client, open_port):
    port = open_port(80)
    PortEvent.objects.bulk_create(
        PortEvent(port_runtime=port, event_type="rebound", timestamp=NOON - timedelta(minutes=n))
        for n in range(150)
    )

    first = admin_client.get(PAGE).text
    link = re.search(r'href="(\?before=[^"#]*)', first)[1]
    second = admin_client.get(PAGE + html.unescape(link)).text

    assert [text.count('<li class="event') for text in (first, second)] == [100, 50]
    assert "Older" not in second


def test_events_that_were_deleted_are_told(open_port, read):
    open_port(80)

    text = read()

    assert "No event of it is kept: old ones are deleted after a while" in text


@pytest.mark.parametrize(
    "query",
    [
        "?before=%00",
        "?before=nonsense",
        "?before=0001-01-01",
        "?before=9999-12-31T23:59:59.999999",
        "?span=%00&at=%00",
        "?at=" + "9" * 5000,
    ],
)
def test_odd_questions_get_an_answer(query, admin_client, open_port):
    open_port(80)

    assert admin_client.get(PAGE + query).status_code == 200


# Notes that move, and notes alone


@pytest.fixture
def moved(open_port, write_note):
    """A noted port that is gone, and its program on another."""
    fields = {"process_name": "nginx", "exe": "/usr/sbin/nginx", "unit": "nginx.service"}
    open_port(80, gone=True, **fields)
    open_port(8081, active_since=NOON, **fields)
    return write_note(80, title="Shop")


@pytest.mark.usefixtures("moved")
def test_a_note_is_moved_to_where_its_program_is(admin_client, read):
    assert "nginx listens on 8081/tcp now. Move the note there" in read()

    form = re.search(
        r'<button type="submit"\s+name="to"\s+value="([^"]+)"', admin_client.get(PAGE).text
    )
    response = admin_client.post(f"{PAGE}move/", {"to": form[1]})

    assert response["Location"] == "/ports/atlas/tcp/8081/"
    assert PortNote.objects.get().port == 8081
    assert "Moved from 80/tcp on atlas to 8081/tcp on atlas" in read()
    assert "Moved here from 80/tcp on atlas" in read("/ports/atlas/tcp/8081/")


def test_a_note_is_moved_by_hand(admin_client, open_port, write_note, read):
    open_port(80)
    write_note(80, title="Shop")

    assert "It moved to another port" in read()

    admin_client.post(f"{PAGE}move/", {"to": "atlas/udp/81", "seen": 1})

    assert PortNote.objects.get().key == ("atlas", "udp", 81)


def test_a_note_for_every_host_is_not_moved_from_one(open_port, write_note, read):
    open_port(80, gone=True)
    write_note(80, host_id="*")

    assert "Move the note" not in read()


def test_a_note_about_a_port_never_seen_has_a_page(write_note, read):
    write_note(80, title="Backup target")

    text = read()

    assert "80 /tcp Backup target" in text
    assert "Nothing was ever seen there: 80/tcp never listened on atlas" in text


def test_a_note_for_every_host_has_a_page(open_port, write_note, read):
    open_port(80, host_id="other", process_name="nginx")
    write_note(80, host_id="*", title="HTTP")

    text = read("/ports/*/tcp/80/")

    assert "80 /tcp HTTP This note speaks for the port on each host" in text
    assert "Where port 80 was seen 80/tcp on other HTTP" in text
    assert "no note about 81/tcp that speaks for every host." in read("/ports/*/tcp/81/")


def test_a_port_never_seen_and_without_a_note_is_not_found(admin_client, write_note):
    write_note(81)

    response = admin_client.get(PAGE)

    assert response.status_code == 404
    assert "Nothing was ever seen there: 80/tcp never listened on atlas" in response.text


def test_a_port_never_seen_can_be_written_about_by_whoever_may(
    admin_client, client, django_user_model
):
    reader = django_user_model.objects.create_user("reader")
    reader.user_permissions.set(Permission.objects.filter(codename__startswith="view_port"))
    client.force_login(reader)

    writers, readers = admin_client.get(PAGE), client.get(PAGE)
    address = re.search(r'href="([^"]*)">Write a note', writers.text)[1]
    form = admin_client.get(html.unescape(address)).context["form"]

    assert form.instance.key == ("atlas", "tcp", 80)
    assert readers.status_code == 404
    assert "Write a note" not in readers.text


def test_what_is_known_of_a_port_on_every_host_is_told_where_it_was_never_seen(write_note, read):
    write_note(80, host_id="*", title="HTTP")

    text = read()

    assert "Nothing was ever seen there: 80/tcp never listened on atlas" in text
    assert "80 /tcp HTTP" in text
    assert "Write one for atlas alone" in text


@pytest.mark.parametrize("number", ["0", "65536", "99999"])
def test_what_is_no_port_is_not_found_in_words(number, admin_client):
    response = admin_client.get(f"/ports/atlas/tcp/{number}/")

    assert response.status_code == 404
    assert f"There is no port {number}: a port is a number from 1 to 65535." in response.text


@pytest.mark.parametrize("length", [1, 5000])
def test_hostile_names_stay_text_and_do_no_harm(length, admin_client, open_port, write_note):
    evil = '"><script>alert(1)</script>' * length
    open_port(
        80,
        process_name=evil[:255],
        cmdline=evil,
        exe=evil,
        unit=evil[:255],
        container_name=evil[:255],
        current_pid=7,
        pids=[7],
        ancestors=[{"pid": 1, "name": evil}],
    )
    write_note(80, title=evil[:200], owner=evil[:100], description=evil)

    response = admin_client.get(PAGE)

    assert response.status_code == 200
    assert "<script>alert" not in response.text
