"""Reservations in the admin: seen beside facts, written through the services, told to history."""

from datetime import timedelta

import pytest
from django.contrib.auth.models import Group
from django.contrib.contenttypes.models import ContentType
from django.db import connection
from django.utils import timezone

from portatlas.contexts.reservations import services
from portatlas.contexts.reservations.models import AllocationRule, Reservation, ReservationEvent
from tests.conftest import NOON
from tests.portatlas.test_csp import InlineFinder

LIST = "/admin/reservations/reservation/"
ADD = f"{LIST}add/"
RELEASE = f"{LIST}release/"
HISTORY = "/admin/reservations/reservationevent/"
RULES = "/admin/reservations/allocationrule/"
FORM = {"host_id": "far", "protocol": "tcp", "port": 8080, "project": "shop", "metadata": "{}"}


@pytest.fixture
def choose(admin_client):
    """Return a function that ticks rows of the list and chooses an action."""

    def choose(action, rows):
        data = {"action": action, "index": "0", "_selected_action": [row.pk for row in rows]}
        return admin_client.post(LIST, data, follow=True)

    return choose


def change(reservation):
    return f"{LIST}{reservation.pk}/change/"


def told(response):
    return [str(message) for message in response.context["messages"]]


def errors(response):
    return {name: list(said) for name, said in response.context["adminform"].form.errors.items()}


def lines():
    rows = ReservationEvent.objects.order_by("pk")
    return list(rows.values_list("action", "port", "project", "performed_by"))


PAGES = [
    # Session, user, count, rows, the values of the filters.
    (LIST, 5),
    # ... and those of the two that are chosen.
    (f"{LIST}?status=reserved&project=shop", 7),
    # Session, user, reservation, the content type for "View on site".
    (f"{LIST}{{reservation}}/change/", 4),
    (f"{LIST}{{reservation}}/delete/", 3),
    # Session, user, the content type for "View on site".
    (ADD, 3),
    # Session, user, count, rows, the first and last day of the date hierarchy.
    (HISTORY, 6),
    (f"{HISTORY}{{event}}/change/", 4),
    (RULES, 5),
    # ... the rule, the groups, what overlaps, rules twice, who is in which, what is reserved.
    (f"{RULES}{{rule}}/change/", 10),
]


@pytest.fixture
def records(reserved, open_port):
    """Return a function that records so many reservations, lines of history and rules."""

    def records(count):
        for number in range(1000, 1000 + count):
            open_port(number)
            reserved(number, project="blog")
            reserved(number, host_id=f"other-{number}", protocol="udp")
            reservation = reserved(number + 100)
            event = ReservationEvent.objects.create(
                port=number, host_id="atlas", action="reserved", at=timezone.now()
            )
            rule = AllocationRule.objects.create(project=f"p{number}", first=1, last=number)
        return {"reservation": reservation.pk, "event": event.pk, "rule": rule.pk}

    return records


@pytest.mark.parametrize("count", [1, 3])
@pytest.mark.parametrize(("address", "queries"), PAGES)
def test_query_count_does_not_grow(
    address, queries, count, admin_client, records, django_assert_num_queries
):
    keys = records(count)
    ContentType.objects.clear_cache()  # the admin asks for one, once in a process

    with django_assert_num_queries(queries):
        response = admin_client.get(address.format(**keys))

    assert response.status_code == 200


@pytest.mark.parametrize("address", [address for address, _queries in PAGES])
def test_no_page_asks_for_an_exception_from_the_policy(address, admin_client, records):
    keys = records(1)
    finder = InlineFinder()

    finder.feed(admin_client.get(address.format(**keys)).text)

    assert finder.found == []


@pytest.fixture
def one_of_each(reserved, open_port):
    """Four reservations, one of each status, by their ports."""
    now = timezone.now()
    for port in (1, 2):
        open_port(port)
    reserved(1, process_name="nginx", reserved_at=now)
    reserved(2, reserved_at=now)
    reserved(3, reserved_at=now - timedelta(days=31), project="blog")
    reserved(4, host_id="far", reserved_at=now)


def shown(response):
    return [each.port for each in response.context["cl"].result_list]


@pytest.mark.parametrize(
    ("query", "ports"),
    [
        ("", {1, 2, 3, 4}),
        ("?status=violated", {1}),
        ("?status=in-use", {2}),
        ("?status=stale", {3}),
        ("?status=reserved", {4}),
        ("?project=blog", {3}),
        ("?host=far", {4}),
        ("?protocol=udp", set()),
        ("?q=blog", {3}),
        ("?q=4", {4}),
        ("?status=nonsense", set()),
    ],
)
def test_the_list_is_filtered_and_searched(query, ports, admin_client, one_of_each):
    assert set(shown(admin_client.get(f"{LIST}{query}"))) == ports


def test_the_first_page_counts_what_is_reserved(admin_client, one_of_each):
    page = admin_client.get("/admin/")

    counts = {status.value: count for status, count in page.context["bookings"]}
    assert counts == {"violated": 1, "in-use": 1, "stale": 1, "reserved": 1}
    assert f'href="{LIST}?status=violated">1 violated</a>' in page.text


def test_the_first_page_counts_nothing_for_who_may_not_see_it(client, django_user_model, reserved):
    reserved(8080)
    client.force_login(django_user_model.objects.create_user("guest", is_staff=True))

    assert "Reserved ports" not in client.get("/admin/").text


def test_the_list_is_sorted_by_how_urgent_a_status_is(admin_client, one_of_each):
    place = admin_client.get(LIST).context["cl"].list_display.index("status")

    assert shown(admin_client.get(LIST, {"o": place})) == [1, 2, 3, 4]


def test_a_filter_counts_what_is_behind_each_choice(admin_client, one_of_each):
    response = admin_client.get(LIST)

    assert "violated: somebody else holds it (1)" in response.text
    assert "stale: nobody has used it for 30 days (1)" in response.text


def test_a_port_is_reserved_in_the_name_of_who_is_logged_in(admin_client, admin_user):
    form = FORM | {
        "tags": "web, prod web",
        "description": "a\r\nb",
        "expires_at": "2100-01-01T12:00:00",
        "metadata": '{"ticket": 42}',
    }

    response = admin_client.post(ADD, form)

    assert response["Location"] == LIST
    made = Reservation.objects.get()
    assert (made.key, made.project, made.requested_by) == (("far", "tcp", 8080), "shop", "admin")
    assert (made.tags, made.description) == (["web", "prod"], "a\nb")
    assert (f"{made.expires_at:%F %T}", made.metadata) == ("2100-01-01 12:00:00", {"ticket": 42})
    assert lines() == [("reserved", 8080, "shop", "admin")]


@pytest.mark.parametrize("host", ["far", "*"])
def test_what_another_project_has_is_refused_in_the_form(host, admin_client, reserved):
    reserved(8080, host_id=host, project="blog")

    response = admin_client.post(ADD, FORM)

    [sentence] = errors(response)["__all__"]
    assert "is reserved by blog since 2026-01-01 12:00" in sentence
    assert response.context["adminform"].form["project"].value() == "shop"
    assert lines() == []


def test_what_has_run_out_stands_in_nobodys_way(admin_client, reserved):
    reserved(8080, host_id="far", project="blog", expires_at=NOON)

    admin_client.post(ADD, FORM)

    assert [line[:3] for line in lines()] == [
        ("released", 8080, "blog"),
        ("reserved", 8080, "shop"),
    ]


def test_what_the_project_has_already_is_renewed(admin_client, reserved):
    had = reserved(8080, host_id="far")

    response = admin_client.post(ADD, FORM | {"description": "Till"}, follow=True)

    had.refresh_from_db()
    assert (had.description, had.version) == ("Till", 2)
    assert "shop had reserved 8080/tcp on far already: it was renewed." in told(response)


def test_what_a_rule_gives_to_others_is_refused_in_the_form(admin_client):
    AllocationRule.objects.create(project="blog", first=8000, last=8099, reason="Ask Bob.")

    response = admin_client.post(ADD, FORM)

    said = "8080/tcp belongs to project blog, which has 8000-8099. Ask Bob."
    assert errors(response) == {"__all__": [said]}


def test_what_a_program_holds_is_reserved_only_if_that_is_said(admin_client, open_port):
    open_port(8080, host_id="far", current_pid=7)

    refused = admin_client.post(ADD, FORM)
    admin_client.post(ADD, FORM | {"even_if_held": "on"})

    assert errors(refused) == {"__all__": ["8080/tcp on far is held by sshd (PID 7)."]}
    assert lines() == [("reserved", 8080, "shop", "admin")]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("port", 0),
        ("host_id", "a b"),
        ("project", "-"),
        ("tags", "Ü!"),
        ("expires_at", "2001-01-01T12:00"),
        ("metadata", "[]"),
        ("metadata", '{"a": "\\u0000"}'),
        ("metadata", '{"a": "\\ud800"}'),
        ("description", "\x1b"),
        ("pid", 7),  # of another host
    ],
)
def test_what_cannot_be_is_told_at_its_field(field, value, admin_client):
    response = admin_client.post(ADD, FORM | {field: value})

    assert list(errors(response)) == [field]
    assert not Reservation.objects.exists()


def test_the_form_as_it_is_first_shown_is_of_this_host_and_needs_no_more_than_a_port_and_a_project(
    admin_client, settings
):
    shown = admin_client.get(ADD).context["adminform"].form
    filled = {each.name: each.value() for each in shown if each.value() is not None}

    admin_client.post(ADD, filled | {"port": 8080, "project": "shop"})

    made = Reservation.objects.get()
    assert (made.host_id, made.metadata) == (settings.PORTATLAS_HOST_ID, {})


@pytest.mark.parametrize("nothing", ["", "null"])
def test_metadata_that_say_nothing_are_an_empty_object(nothing, admin_client):
    admin_client.post(ADD, FORM | {"metadata": nothing})

    assert Reservation.objects.get().metadata == {}


def test_a_change_renews_a_reservation(admin_client, reserved):
    reservation = reserved(8080)
    form = admin_client.get(change(reservation)).context["adminform"].form
    said = {
        "project": "shop",
        "metadata": "{}",
        "description": "Till",
        "seen": form["seen"].value(),
    }

    response = admin_client.post(change(reservation), said | {"port": 9, "host_id": "other"})

    reservation.refresh_from_db()
    assert response["Location"] == LIST
    assert (reservation.key, reservation.description) == (("atlas", "tcp", 8080), "Till")
    [line] = ReservationEvent.objects.all()
    assert (line.action, line.details) == ("renewed", {"changes": {"description": ["", "Till"]}})


def test_what_somebody_else_changed_meanwhile_is_not_changed(admin_client, reserved):
    reservation = reserved(8080)
    read = services.revision(reservation)
    other = services.Actor("bob")
    services.renew(reservation.key, {"user": "www"}, by=other, at=timezone.now())
    said = {"project": "shop", "metadata": "{}", "description": "Till", "seen": read}

    response = admin_client.post(change(reservation), said)
    again = admin_client.post(
        change(reservation), said | {"seen": response.context["adminform"].form["seen"].value()}
    )

    [sentence] = errors(response)["__all__"]
    assert sentence.startswith("Somebody changed this reservation while you were writing. It says ")
    assert "User: “www”" in sentence
    assert 'value="Till"' not in sentence
    assert again.status_code == 302
    assert [line[3] for line in lines()] == ["bob", "admin"]


def test_another_project_is_no_way_round_a_rule(admin_client, reserved):
    AllocationRule.objects.create(project="shop", first=8000, last=8099)
    reservation = reserved(8080)
    said = {"project": "blog", "metadata": "{}", "seen": services.revision(reservation)}

    response = admin_client.post(change(reservation), said)

    assert "belongs to project shop" in errors(response)["__all__"][0]
    reservation.refresh_from_db()
    assert reservation.project == "shop"


@pytest.mark.parametrize("address", ["{}/delete/", "{}/change/", "{}/history/"])
def test_what_was_released_meanwhile_is_nowhere(address, admin_client, db):
    response = admin_client.get(f"{LIST}{address.format(7)}")

    assert response.status_code in {302, 404}


def test_one_port_is_released_through_the_page_that_asks(admin_client, reserved):
    reservation = reserved(8080)

    page = admin_client.get(f"{LIST}{reservation.pk}/delete/")
    response = admin_client.post(
        RELEASE, {"read": page.context["read"], "why": "moved"}, follow=True
    )

    assert "shop (8080/tcp on atlas)" in page.text
    assert told(response) == ["1 port was released."]
    assert not Reservation.objects.exists()
    [line] = ReservationEvent.objects.all()
    assert (line.action, line.performed_by, line.details) == ("released", "admin", {"why": "moved"})


def test_asking_releases_nothing(admin_client, choose, reserved):
    reservation = reserved(8080)

    choose("release", [reservation])
    admin_client.post(f"{LIST}{reservation.pk}/delete/", {"post": "yes"})

    assert Reservation.objects.get() == reservation


def test_django_s_own_deletion_is_not_offered(choose, reserved):
    reservation = reserved(8080)

    choose("delete_selected", [reservation])

    assert Reservation.objects.get() == reservation


def test_only_what_is_as_it_was_read_is_released(admin_client, choose, reserved):
    same, other, gone = reserved(1), reserved(2), reserved(3)
    read = choose("release", [same, other, gone]).context["read"]
    services.renew(other.key, {}, by=services.Actor("bob"), at=timezone.now())
    services.release(gone.key, by=services.Actor("bob"), at=timezone.now())

    response = admin_client.post(RELEASE, {"read": read}, follow=True)

    assert Reservation.objects.get() == other
    assert told(response) == [
        "1 port was released.",
        "Left alone: 2/tcp on atlas. Somebody else changed that meanwhile.",
        "1 port had been released before.",
    ]


@pytest.mark.parametrize("read", [[], ["x"], ["1.1.1"], ["9" * 30 + ".1"], ["1"]])
def test_a_release_of_nothing_is_refused(read, admin_client, reserved):
    reserved(8080)

    response = admin_client.post(RELEASE, {"read": read}, follow=True)

    assert told(response) == ["No port was chosen: tick some first."]
    assert Reservation.objects.exists()


def test_a_reason_that_can_not_be_printed_is_asked_for_again(admin_client, reserved):
    read = services.revision(reserved(8080))

    response = admin_client.post(RELEASE, {"read": read, "why": "\x1b"})

    assert response.context["form"].errors["why"]
    assert response.context["read"] == [read]
    assert Reservation.objects.exists()


@pytest.mark.parametrize("count", [1, 3])
def test_releasing_costs_the_same_for_any_number(
    count, admin_client, choose, reserved, django_assert_num_queries
):
    rows = [reserved(number) for number in range(1, 1 + count)]
    read = [services.revision(row) for row in rows]
    choose("release", rows)

    # Session, user, count, rows.
    with django_assert_num_queries(4):
        choose("release", rows)
    # Session, user, his groups; transaction 2, rows, whether they are any, history, deletion;
    # the log of the admin. PostgreSQL is asked for the lock.
    with django_assert_num_queries(10 + (connection.vendor == "postgresql")):
        admin_client.post(RELEASE, {"read": read})


def test_ports_are_renewed_for_thirty_days(choose, reserved):
    now = timezone.now()
    soon = reserved(1, expires_at=now + timedelta(days=1))
    late = reserved(2, expires_at=now + timedelta(days=90))
    never, over = reserved(3), reserved(4, expires_at=now - timedelta(days=1))

    response = choose("renew_for_a_while", [soon, late, never, over])

    ends = dict(Reservation.objects.values_list("port", "expires_at"))
    assert ends[1] - now >= timedelta(days=30)
    assert (ends[2], ends[3], ends[4]) == (late.expires_at, None, over.expires_at)
    versions = dict(Reservation.objects.values_list("port", "version"))
    assert versions == {1: 2, 2: 2, 3: 2, 4: 1}
    assert [(action, port) for action, port, *_who in lines()] == [
        ("renewed", 1),
        ("renewed", 2),
        ("renewed", 3),
    ]
    assert told(response) == ["3 ports were renewed.", "1 port had been released before."]


def test_the_history_of_a_port_is_one_click_away(admin_client, reserved):
    reservation = reserved(8080)
    for port in (8080, 8081):
        ReservationEvent.objects.create(host_id="atlas", port=port, action="reserved", at=NOON)

    response = admin_client.get(f"{LIST}{reservation.pk}/history/", follow=True)

    assert [event.port for event in response.context["cl"].result_list] == [8080]
    assert response.redirect_chain[0][0] in admin_client.get(LIST).text.replace("&amp;", "&")


def test_history_is_told_newest_first(admin_client, db):
    for number, action in enumerate(["reserved", "in-use", "released"]):
        at = NOON + timedelta(hours=number)
        ReservationEvent.objects.create(host_id="atlas", port=1, action=action, at=at)

    page = admin_client.get(HISTORY)
    some = admin_client.get(f"{HISTORY}?action__exact=in-use&q=1")

    actions = [event.action for event in page.context["cl"].result_list]
    assert actions == ["released", "in-use", "reserved"]
    assert [event.action for event in some.context["cl"].result_list] == ["in-use"]


def test_details_that_somebody_else_wrote_break_no_page(admin_client, db):
    for details in ({"changes": [1]}, {"changes": {"a": 1}}, {"why": {"b": []}}, {"x": None}):
        ReservationEvent.objects.create(
            host_id="atlas", port=1, action="renewed", at=NOON, details=details
        )

    assert admin_client.get(HISTORY).status_code == 200


@pytest.mark.parametrize("action", ["add/", "{}/delete/"])
def test_nobody_writes_history_here(action, admin_client, db):
    event = ReservationEvent.objects.create(host_id="a", port=1, action="reserved", at=NOON)

    response = admin_client.post(f"{HISTORY}{action.format(event.pk)}", {"post": "yes"})
    changed = admin_client.post(f"{HISTORY}{event.pk}/change/", {"project": "blog"})
    admin_client.post(HISTORY, {"action": "delete_selected", "_selected_action": [event.pk]})

    assert (response.status_code, changed.status_code) == (403, 403)
    assert ReservationEvent.objects.get().project == ""


RULE = {"first": 8000, "last": 8099, "project": "shop", "host_id": "*", "protocol": ""}


def test_a_rule_says_what_it_overlaps_with(admin_client, db):
    team = Group.objects.create(name="ops")
    AllocationRule.objects.create(team=team, first=8050, last=8200)
    AllocationRule.objects.create(project="far", first=8100, last=8200)

    response = admin_client.post(f"{RULES}add/", RULE, follow=True)

    said = "It overlaps with 8050-8200 for ops: where they do, each of them gets ports."
    assert said in told(response)
    assert AllocationRule.objects.count() == 3


def test_a_rule_says_how_many_reservations_it_would_refuse(
    admin_client, reserved, django_user_model
):
    reserved(8080, project="blog")
    reserved(8081)
    reserved(9000)
    reserved(9001, project="blog")

    response = admin_client.post(f"{RULES}add/", RULE, follow=True)

    [rule] = AllocationRule.objects.all()
    said = (
        "2 ports reserved now would be refused by it. What is reserved stays, until it is released."
    )
    assert said in told(response)
    assert said in admin_client.get(f"{RULES}{rule.pk}/change/").text


def test_the_rule_of_a_team_refuses_what_others_have_reserved(
    admin_client, reserved, django_user_model
):
    team = Group.objects.create(name="ops")
    django_user_model.objects.create_user("bob").groups.add(team)
    for port, who in ((8080, "bob"), (8081, "bob (token ci)"), (8082, "alice"), (8083, "")):
        reserved(port, requested_by=who)

    response = admin_client.post(
        f"{RULES}add/", RULE | {"project": "", "team": team.pk}, follow=True
    )

    assert told(response)[0].startswith("2 ports reserved now would be refused by it.")


@pytest.mark.parametrize(
    "wrong", [{"project": ""}, {"first": 8100}, {"last": 65536}, {"host_id": "a b"}]
)
def test_a_rule_that_makes_no_sense_is_refused(wrong, admin_client, db):
    response = admin_client.post(f"{RULES}add/", RULE | wrong)

    assert errors(response)
    assert not AllocationRule.objects.exists()


@pytest.mark.parametrize("group", ["viewer", "annotator", "admin"])
@pytest.mark.parametrize("address", [LIST, HISTORY])
def test_every_group_sees_what_is_reserved(address, group, member):
    assert member(group).get(address).status_code == 200


@pytest.mark.parametrize(
    ("group", "may"), [("viewer", False), ("annotator", True), ("admin", True)]
)
def test_who_reserves_and_releases(group, may, member, reserved):
    client, had = member(group), reserved(1)
    read = services.revision(had)

    made = client.post(ADD, FORM)
    page = client.get(change(had))
    asked = client.get(f"{LIST}{had.pk}/delete/")
    released = client.post(RELEASE, {"read": read})

    assert ('name="_save"' in page.text) == may
    statuses = (made.status_code, asked.status_code, released.status_code)
    assert statuses == ((302, 200, 302) if may else (403, 403, 403))
    assert [each.port for each in Reservation.objects.all()] == ([8080] if may else [1])


@pytest.mark.parametrize(
    ("group", "sees", "writes"),
    [("viewer", 403, 403), ("annotator", 200, 403), ("admin", 200, 302)],
)
def test_who_writes_rules(group, sees, writes, member):
    client = member(group)

    seen = client.get(RULES)
    written = client.post(f"{RULES}add/", RULE)

    assert (seen.status_code, written.status_code) == (sees, writes)


def test_the_rule_of_a_team_that_the_user_is_in_lets_him(member):
    client = member("annotator")
    AllocationRule.objects.create(team=Group.objects.get(name="annotator"), first=8000, last=8099)

    inside = client.post(ADD, FORM)
    outside = client.post(ADD, FORM | {"port": 9000})

    assert inside.status_code == 302
    assert "The ports of the team annotator are 8000-8099" in errors(outside)["__all__"][0]
