"""Every page of ours, in the light and in the dark, on a desk and on a phone."""

import pytest
from playwright.sync_api import expect

from tests.browser.checks import NARROW, WIDE, axe, axe_in_schemes, overflow, set_width, too_small
from tests.browser.hands import log_in
from tests.browser.pages import PAGES

NOT_FOUND = "error: Failed to load resource: the server responded with a status of 404 (Not Found)"


def wrong_with(page):
    """Return what is wrong at each width; colours are the same at both, so dark ones at one."""
    found = []
    for width, check in ((WIDE, axe), (NARROW, axe_in_schemes)):
        set_width(page, width)
        found += [f"{width} px: {finding}" for finding in overflow(page) + check(page)]
    return found


@pytest.mark.parametrize("listed", PAGES, ids=lambda listed: listed.name)
def test_everybody_can_use_the_page_and_a_finger_hits_what_it_means_to(listed, fleet, signed_in):
    listed.record(fleet)

    signed_in.goto(listed.path)
    listed.begin(signed_in)

    found = wrong_with(signed_in)
    found += too_small(signed_in)  # on the phone, which comes last
    assert found == [], "\n".join(found)


def test_everybody_can_use_a_full_board(fleet, signed_in):
    """A hundred cards of 500; what is on them is looked at in every way above."""
    fleet.five_hundred_ports()

    signed_in.goto("/")

    found = axe(signed_in)
    for width in (WIDE, NARROW):
        set_width(signed_in, width)
        found += overflow(signed_in)
    assert found == [], "\n".join(found)


def test_everybody_can_log_in(page, admin_user):
    page.goto("/")
    found = wrong_with(page)
    log_in(page, "wrong")
    expect(page.get_by_role("alert")).to_be_visible()
    found += wrong_with(page)
    log_in(page, "password")
    expect(page.get_by_role("button", name="Log out admin")).to_be_visible()

    assert found == [], "\n".join(found)


def test_everybody_can_use_a_page_that_is_not_there(signed_in, complaints):
    signed_in.goto("/nowhere/")

    found = wrong_with(signed_in)
    assert found == [], "\n".join(found)
    assert complaints.pop() == f"{NOT_FOUND} {signed_in.url}"
