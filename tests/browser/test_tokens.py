"""A token, from the list over the form to the only page that shows it, and its end."""

from playwright.sync_api import expect

from tests.browser.checks import NARROW, WIDE, axe_in_schemes, overflow, set_width


def wrong_with(page):
    found = []
    for width in (WIDE, NARROW):
        set_width(page, width)
        found += [*overflow(page), *axe_in_schemes(page)]
    return found


def test_everybody_can_make_and_revoke_a_token(signed_in):
    signed_in.goto("/admin/tokens/token/")
    signed_in.get_by_role("link", name="Add token").click()
    signed_in.get_by_label("Name:").fill("Grafana")
    signed_in.get_by_label("read: see ports").check()
    found = wrong_with(signed_in)
    signed_in.get_by_role("button", name="Save").click()
    secret = signed_in.get_by_label("Token:").input_value()
    found += wrong_with(signed_in)
    signed_in.get_by_role("link", name="I have copied it").click()
    expect(signed_in.get_by_role("row", name="Grafana")).to_contain_text("Live")
    signed_in.get_by_role("link", name="Revoke…").click()
    expect(signed_in.get_by_role("button", name="Yes, revoke it")).to_be_visible()
    found += wrong_with(signed_in)
    signed_in.get_by_role("button", name="Yes, revoke it").click()
    expect(signed_in.get_by_role("row", name="Grafana")).to_contain_text("Revoked")
    signed_in.get_by_role("link", name="Grafana").click()
    expect(signed_in.get_by_role("heading", name="Grafana")).to_be_visible()
    found += wrong_with(signed_in)

    assert found == [], "\n".join(found)
    assert len(secret) == 70
    assert secret not in signed_in.content()


def test_a_scope_and_what_it_means_stand_in_one_line(signed_in):
    signed_in.goto("/admin/tokens/token/add/")

    label = signed_in.locator("label", has_text="read: see ports, notes, events and hosts")
    box = label.get_by_role("checkbox")

    assert label.bounding_box()["height"] < 1.5 * box.bounding_box()["height"]
