"""
The two pages that draw the API: from our own files, under the policy, with nothing to complain of.

They are other people's work, so that they aren't held to what is asked of a page of ours.
"""

import pytest
from playwright.sync_api import expect


@pytest.mark.parametrize("page", ["/api/v1/docs/", "/api/v1/redoc/"])
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
