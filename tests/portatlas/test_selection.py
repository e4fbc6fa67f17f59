"""What a board shows stands in its address, and what makes no sense there is left out."""

from dataclasses import asdict, replace
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


@pytest.mark.parametrize(
    ("chosen", "shown"),
    [
        ({"page": 3}, ALL),
        # Something else is shown from its first page on.
        ({}, replace(ALL, page=1)),
        ({"state": "gone"}, replace(ALL, state="gone", page=1)),
        ({"owner": ""}, replace(ALL, owner="", page=1)),
    ],
)
def test_what_a_link_says_is_read_back_from_it(chosen, shown):
    assert of(ALL.link(**chosen).removeprefix("?")) == shown


@pytest.mark.parametrize(("chosen", "link"), [({}, "?"), ({"page": 2}, "?page=2")])
def test_what_is_not_chosen_is_not_said(chosen, link):
    assert Selection().link(**chosen) == link


def test_the_search_carries_all_other_choices_along():
    everything = {name: str(value) for name, value in asdict(ALL).items()}

    assert dict(ALL.hidden) == {
        name: value for name, value in everything.items() if name not in {"q", "page"}
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


@pytest.mark.parametrize("name", ["q", "owner", "tag"])
def test_what_is_too_long_is_cut(name):
    assert of(f"{name}={'x' * 999}") == Selection(**{name: "x" * LONGEST})


def test_there_are_so_many_pages_and_no_more():
    assert of("page=9999999") == Selection(page=LAST_PAGE)


def test_of_a_choice_that_is_made_twice_the_last_holds():
    assert of("state=gone&state=known").state == "known"


def test_a_link_quotes_what_people_wrote():
    link = Selection().link(owner='"><script>&state=gone')

    assert parse_qs(link.removeprefix("?")) == {"owner": ['"><script>&state=gone']}
