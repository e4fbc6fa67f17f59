"""
The two pages that draw the API: from our own files, under the policy, with nothing to complain of.

They are other people's work, so that they aren't held to what is asked of a page of ours; the bar
above them is ours.
"""

import re

import pytest
from playwright.sync_api import expect

from tests.browser.checks import NARROW, axe, set_width

PAGES = ["/api/v1/docs/", "/api/v1/redoc/"]

IS_DRAWN = """([paper, ink]) => {
  const heading = [...document.querySelectorAll("h1, h2")]
    .find((each) => each.textContent.startsWith("Port Atlas"));
  const shade = (each, name) => getComputedStyle(each)[name].match(/[0-9]+/g)[0] < 128;
  return heading && shade(document.body, "backgroundColor") === (paper === "dark")
    && shade(heading, "color") === (ink === "dark");
}"""


@pytest.mark.parametrize("page", PAGES)
def test_it_is_light_or_dark_as_the_system_is_and_follows_it(page, signed_in):
    signed_in.emulate_media(color_scheme="dark")
    signed_in.goto(page)
    signed_in.wait_for_function(IS_DRAWN, arg=["dark", "light"])
    signed_in.emulate_media(color_scheme="light")
    signed_in.wait_for_function(IS_DRAWN, arg=["light", "dark"])
    signed_in.emulate_media(color_scheme="dark")
    signed_in.wait_for_function(IS_DRAWN, arg=["dark", "light"])


@pytest.mark.parametrize("page", PAGES)
def test_the_keyboard_leads_past_the_bar_or_back_to_the_board(page, signed_in):
    signed_in.goto(page)
    expect(signed_in.get_by_role("heading", name="Port Atlas").first).to_be_visible()
    set_width(signed_in, NARROW)

    signed_in.keyboard.press("Tab")
    expect(signed_in.get_by_role("link", name="Skip to the content")).to_be_focused()
    found = axe(signed_in, parts=[".top", ".skip"])
    for _ in range(2):
        signed_in.keyboard.press("Tab")
    expect(signed_in.get_by_role("link", name="Board", exact=True)).to_be_focused()
    signed_in.keyboard.press("Enter")
    expect(signed_in).to_have_url(re.compile("^http://[^/]+/$"))

    assert found == []


@pytest.mark.parametrize("page", PAGES)
def test_the_api_is_drawn_from_our_own_files(page, signed_in):
    signed_in.goto(page)

    expect(signed_in.get_by_role("heading", name="Port Atlas").first).to_be_visible()
    expect(signed_in.get_by_text("/notes/bulk/").first).to_be_attached()


def test_an_operation_can_be_tried(fleet, signed_in):
    fleet.one_port()

    signed_in.goto("/api/v1/docs/")
    signed_in.get_by_role("button", name="/api/v1/ports/", exact=False).first.click()
    signed_in.get_by_role("button", name="Try it out").click()
    signed_in.get_by_role("button", name="Execute").click()

    expect(signed_in.locator(".live-responses-table .response-col_status").last).to_contain_text(
        "200"
    )


def test_a_note_is_written_as_the_page_fills_it_in(signed_in):
    signed_in.goto("/api/v1/docs/")
    for name in ("update", "partial_update"):
        operation = signed_in.locator(f"#operations-notes-notes_{name}")
        operation.get_by_role("button").first.click()
        operation.get_by_role("button", name="Try it out").click()
    for name, status in (("update", "201"), ("update", "200"), ("partial_update", "200")):
        operation = signed_in.locator(f"#operations-notes-notes_{name}")

        operation.get_by_role("button", name="Execute").click()

        answer = operation.locator(".live-responses-table .response-col_status").last
        expect(answer).to_contain_text(status)
