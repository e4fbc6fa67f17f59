"""What a board shows stands in its address, and what makes no sense there is left out."""

from urllib.parse import parse_qs

import pytest
from django.http import QueryDict

from portatlas.board.selection import LAST_PAGE, LONGEST, Selection

ALL = Selection(
    q="ngin x",
    state="known",
    host="atlas",
    owner="Müller & Co",
    tag="web",
    stale="1",
    clients="1",
    group="owner",
    page=3,
)


def of(query):
    return Selection.of(QueryDict(query))


def test_what_an_address_says_is_read_back_from_it():
    assert of(ALL.link(page=3).removeprefix("?")) == ALL


def test_something_else_is_shown_from_its_first_page_on():
    link = ALL.link(state="gone")

    assert of(link.removeprefix("?")) == Selection(
        q="ngin x",
        state="gone",
        host="atlas",
        owner="Müller & Co",
        tag="web",
        stale="1",
        clients="1",
        group="owner",
    )


def test_what_is_not_chosen_is_not_said():
    assert Selection().link() == "?"
    assert Selection().link(page=2) == "?page=2"


def test_the_search_carries_all_other_choices_along():
    assert dict(ALL.hidden) == {
        "state": "known",
        "host": "atlas",
        "owner": "Müller & Co",
        "tag": "web",
        "stale": "1",
        "clients": "1",
        "group": "owner",
    }


@pytest.mark.parametrize(
    "query",
    [
        "",
        "state=nothing&group=colour&stale=yes&clients=0",
        "page=0",
        "page=-1",
        "page=1.5",
        "page=" + "9" * 40,
        "q=%00&host=%00&owner=%00&tag=%00&state=%00&group=%00",
        "q=+++",
        "unheard=of",
    ],
)
def test_what_makes_no_sense_is_left_out(query):
    assert of(query) == Selection()


def test_what_is_too_long_is_cut():
    found = of(f"q={'x' * 999}&owner={'x' * 999}&tag={'x' * 999}&page=9999999")

    assert found == Selection(
        q="x" * LONGEST, owner="x" * LONGEST, tag="x" * LONGEST, page=LAST_PAGE
    )


def test_of_a_choice_that_is_made_twice_the_last_holds():
    assert of("state=gone&state=known").state == "known"


def test_a_link_quotes_what_people_wrote():
    link = Selection().link(owner='"><script>&state=gone')

    assert parse_qs(link.removeprefix("?")) == {"owner": ['"><script>&state=gone']}
