"""Saved views, and the first page of the admin."""

import pytest
import time_machine
from django.contrib import messages
from django.core.exceptions import ValidationError

from portatlas.admin import front
from portatlas.models import SavedView
from tests.conftest import NOON
from tests.portatlas.test_csp import InlineFinder

PORTS = "/admin/portatlas/port/"
ADD = "/admin/portatlas/savedview/add/"


def test_five_views_are_there_from_the_beginning(admin_client, db):
    views = SavedView.objects.values_list("title", "query")

    assert dict(views) == {
        "Inbox": "state=unnoted&client=no",
        "Urgent": "state=suspicious",
        "Missing": "state=ghost",
        "Open to everywhere, nobody's": "reach=any&owner=-&client=no",
        "Knowledge to review": "review=stale",
    }
    for _title, query in views:
        assert admin_client.get(f"{PORTS}?{query}").status_code == 200


def test_views_are_links_above_the_list(admin_client, open_port):
    open_port(1)

    text = admin_client.get(f"{PORTS}?state=suspicious").text

    assert f'href="{PORTS}?state=unnoted&amp;client=no"' in text
    assert text.count('aria-current="page">Urgent') == 1


def test_the_filter_of_a_list_is_saved_by_a_link_to_a_form(admin_client, open_port):
    open_port(1)

    text = admin_client.get(f"{PORTS}?owner=web+team&state=known&p=1").text
    form = admin_client.get(f"{ADD}?query=owner%3Dweb%2Bteam%26state%3Dknown").context["adminform"]

    assert f'href="{ADD}?query=owner%3Dweb%2Bteam%26state%3Dknown"' in text
    assert form.form["query"].value() == "owner=web+team&state=known"


@pytest.mark.parametrize(
    ("typed", "kept"),
    [("?state=known", "state=known"), ("state=known&q=a%20b", "state=known&q=a%20b"), ("", "")],
)
def test_a_view_keeps_what_stands_behind_the_question_mark(typed, kept, admin_client):
    admin_client.post(ADD, {"title": "Mine", "query": typed, "position": "5"})

    assert SavedView.objects.get(title="Mine").query == kept


@pytest.mark.parametrize(
    "query",
    [
        "https://example.org/",
        "//example.org",
        "state=known#top",
        '"><script>',
        "state=a b",
        "nonsense=1",
        "note__created_by__password__startswith=a",
        "q=" + "x" * 500,
    ],
)
def test_a_view_that_leads_elsewhere_is_refused(query, admin_client):
    response = admin_client.post(ADD, {"title": "Mine", "query": query, "position": "5"})

    assert response.context["errors"]
    assert not SavedView.objects.filter(title="Mine").exists()


@pytest.mark.parametrize("query", ["https://example.org/", "a=1 b", "a\nb"])
def test_the_model_refuses_it_too(query):
    with pytest.raises(ValidationError):
        SavedView(title="Mine", query=query).clean_fields()


@pytest.fixture
def first_page(rf, admin_user):
    """Return a function that shows the first page to a user, at noon."""

    def first_page(user=admin_user):
        request = rf.get("/admin/")
        request.user, request.session = user, {}
        request._messages = messages.storage.default_storage(request)
        with time_machine.travel(NOON, tick=False):
            return front.index(request).render()

    return first_page


def test_the_first_page_says_how_many_ports_listen(first_page, open_port, write_note):
    open_port(1)
    open_port(2)
    write_note(1)

    text = first_page().text

    assert "2 ports listening: 1 you know, 1 you don" in text
    assert f'href="{PORTS}?state=ghost"' in text
    assert "Collect now" in text


def test_the_first_page_says_what_to_do_when_nobody_ever_looked(first_page):
    text = first_page().text

    assert "Nothing was looked at yet." in text
    assert "“Collect now” takes the first look" in text
    assert "No port is listening" not in text


def test_the_first_page_says_what_to_do_when_no_look_was_complete(first_page, add_host):
    add_host(last_sweep_at=None, verdict="failed")

    text = first_page().text

    assert "No look was complete yet." in text
    assert 'href="/hosts/"' in text
    assert "No port is listening" not in text


def test_the_first_page_says_when_no_port_listens(first_page, add_host):
    add_host()

    assert "No port is listening." in first_page().text


def test_the_first_page_tells_ports_to_nobody_else(first_page, django_user_model, open_port):
    open_port(1)

    text = first_page(django_user_model.objects.create_user("clerk", is_staff=True)).text

    assert "listening" not in text


@pytest.mark.parametrize("count", [1, 3])
def test_the_first_page_costs_the_same_for_any_number(
    count, first_page, open_port, django_assert_num_queries
):
    for number in range(1, 1 + count):
        open_port(number, host_id=f"host-{number}")

    # Hosts, three counts, saved views, reservations, recent actions.
    with django_assert_num_queries(7):
        first_page()


def test_the_first_page_needs_no_exception_from_the_policy(first_page, open_port):
    open_port(1)
    finder = InlineFinder()

    finder.feed(first_page().text)

    assert finder.found == []
