"""A host, from the form over the page that shows its command to its first sweep, and its end."""

import re
from datetime import timedelta

from django.utils import timezone
from playwright.sync_api import expect

from tests.browser.checks import NARROW, WIDE, axe_in_schemes, overflow, set_width

COMMAND = re.compile(r"\n(atlas_[0-9a-f]{64})\n")


def wrong_with(page):
    found = []
    for width in (WIDE, NARROW):
        set_width(page, width)
        found += [*overflow(page), *axe_in_schemes(page)]
    return found


def test_a_host_is_added_waited_for_and_revoked(signed_in, fleet):
    fleet.host()
    signed_in.goto("/hosts/")
    signed_in.get_by_role("link", name="Add a host").click()
    found = wrong_with(signed_in)
    signed_in.get_by_label("Host name").press_sequentially("not a host")
    signed_in.keyboard.press("Enter")
    expect(signed_in.get_by_text("A host is named by letters")).to_be_visible()
    found += wrong_with(signed_in)

    signed_in.get_by_label("Host name").fill("web-1")
    signed_in.keyboard.press("Enter")
    command = signed_in.get_by_label("Command:")
    secret = COMMAND.search(command.input_value())[1]
    expect(signed_in.get_by_text("Its token was not shown yet")).to_be_visible()
    found += wrong_with(signed_in)
    fleet.port(22, host_id="web-1")
    fleet.port(22, host_id="web-1", protocol="udp").host.__class__.objects.update(
        last_look_at=timezone.now() + timedelta(seconds=1)
    )
    expect(signed_in.get_by_text("Its sweeps come")).to_be_visible()
    found += wrong_with(signed_in)

    signed_in.get_by_role("link", name="I have pasted it").click()
    found += wrong_with(signed_in)
    assert secret not in signed_in.content()
    signed_in.get_by_role("link", name="Make a new command").click()
    expect(signed_in.get_by_text("is revoked by that")).to_be_visible()
    found += wrong_with(signed_in)
    signed_in.get_by_role("link", name="Leave it as it is").click()
    signed_in.get_by_role("link", name="Revoke…").click()
    signed_in.get_by_role("button", name="Yes, revoke it").click()
    signed_in.goto("/hosts/web-1/")
    signed_in.get_by_role("link", name="Its agent and token").click()
    expect(signed_in.get_by_role("row", name="Agent on web-1")).to_contain_text("Revoked")
    found += wrong_with(signed_in)

    assert found == [], "\n".join(found)


def test_the_command_is_copied_whole(signed_in, fleet):
    signed_in.context.grant_permissions(["clipboard-read", "clipboard-write"])
    signed_in.goto("/admin/collector/host/enrol/")
    signed_in.get_by_label("Host name").fill("web-1")
    signed_in.get_by_role("button", name="Make the command").click()
    field = signed_in.get_by_label("Command:")

    signed_in.get_by_role("button", name="Copy it").click()

    expect(signed_in.get_by_text("Copied.")).to_be_visible()
    copied = signed_in.evaluate("navigator.clipboard.readText()")
    assert copied == field.input_value()
    assert copied.startswith(""" $([ "$(id -u)" = 0 ] || echo sudo) sh <<'PORTATLAS'\n""")
    assert copied.endswith("\nPORTATLAS\n")
