"""Triage on the card: notes in place, and ports judged in one click."""

import pytest
from playwright.sync_api import expect

from notes import services
from notes.models import PortNote
from tests.browser.checks import NARROW, WIDE, layout_shift, set_width
from tests.browser.hands import open_editor

NOT_SAVED = "error: Failed to load resource: the server responded with a status of"
NEVER_LOOKED_AT = "Object.defineProperty(document, 'hidden', {get: () => true})"


@pytest.fixture
def bob(django_user_model):
    return django_user_model.objects.create_superuser("bob")


@pytest.fixture
def noted(fleet):
    """The note about the only port."""
    fleet.one_port()
    return fleet.write_note(22, title="SSH")


def editing(page, title):
    """Open the board and write a title into the note of its first card."""
    page.goto("/")
    open_editor(page)
    page.get_by_label("Title").fill(title)
    return page


def save(page):
    page.get_by_role("button", name="Save the note").click()


def test_the_second_who_saves_a_note_is_told_and_decides(
    signed_in, page_as, bob, noted, complaints
):
    mine, other = editing(signed_in, "Mine"), editing(page_as(bob), "Bob's")
    save(other)
    expect(other.locator(".card__title")).to_have_text("Bob's")

    save(mine)

    error = mine.locator(".errorlist")
    expect(error).to_contain_text("bob saved this note while you were writing")
    expect(error).to_be_focused()
    expect(mine.get_by_label("Title")).to_have_value("Mine")
    noted.refresh_from_db()
    assert noted.title == "Bob's"

    save(mine)
    expect(mine.locator(".card__title")).to_have_text("Mine")
    (complaint,) = complaints
    assert complaint.startswith(f"{NOT_SAVED} 409")
    complaints.clear()


def test_who_judges_a_card_that_is_old_is_told(signed_in, bob, noted):
    signed_in.add_init_script(NEVER_LOOKED_AT)  # or the card would be refreshed
    signed_in.goto("/")
    noted.title = "Bob's"
    services.save(noted, by=bob, seen=noted.version)

    signed_in.get_by_label("22/tcp is suspicious").click()

    told = signed_in.get_by_role("status")
    expect(told).to_contain_text("Somebody else changed the notes of 22/tcp on atlas meanwhile")
    expect(signed_in.locator(".card__title")).to_have_text("Bob's")
    assert PortNote.objects.get().risk_level == "expected"


@pytest.mark.usefixtures("noted")
def test_a_wrong_value_is_told_in_its_place(signed_in, complaints):
    page = editing(signed_in, "Way in")
    page.get_by_label("Tags").fill("a!")

    save(page)

    error = page.locator(".field--tags .errorlist")
    expect(error).to_be_focused()
    expect(page.get_by_label("Tags")).to_have_value("a!")
    expect(page.get_by_label("Title")).to_have_value("Way in")
    page.get_by_label("Tags").fill("a")
    save(page)
    expect(page.locator(".card .tag")).to_have_text("a")
    (complaint,) = complaints
    assert complaint.startswith(f"{NOT_SAVED} 422")
    complaints.clear()


def test_one_click_judges_a_port_and_another_several(fleet, signed_in):
    page = signed_in
    for number in (22, 80, 443):
        fleet.port(number)
    page.goto("/")

    page.get_by_label("443/tcp is trusted").click()
    expect(page.get_by_label("443/tcp is trusted")).to_have_attribute("aria-pressed", "true")
    expect(page.get_by_label("443/tcp is trusted")).to_be_focused()

    page.get_by_label("Tick 22/tcp").check()
    page.get_by_label("Tick 80/tcp").check()
    expect(page.locator("#picked")).to_have_text("2 ticked: they are")
    page.locator(".bulk").get_by_role("button", name="expected").click()
    expect(page.get_by_label("22/tcp is expected")).to_have_attribute("aria-pressed", "true")
    expect(page.get_by_label("80/tcp is expected")).to_have_attribute("aria-pressed", "true")
    expect(page.locator(".card__pick:checked")).to_have_count(0)
    expect(page.get_by_role("status")).to_contain_text("2 ports are expected.")


def test_the_note_of_a_ghost_moves_to_where_its_program_went(fleet, signed_in):
    program = {"unit": "shop.service", "process_name": "shop"}
    fleet.port(8080, gone=True, last_disappeared_at=fleet.now, **program)
    fleet.port(8081, **program)
    fleet.write_note(8080, title="Shop front", risk_level="trusted")
    signed_in.goto("/")

    signed_in.get_by_role("button", name="The same program listens on 8081/tcp").click()

    expect(signed_in.locator(".card--ghost")).to_have_count(0)
    expect(signed_in.locator(".card--healthy .card__link")).to_have_text("8081/tcp")
    expect(signed_in.locator(".card--healthy .card__title")).to_have_text("Shop front")
    assert PortNote.objects.get().port == 8081


@pytest.mark.parametrize("width", [WIDE, NARROW])
def test_judging_a_card_that_keeps_its_place_moves_nothing(width, fleet, signed_in):
    fleet.thirty_ports()
    set_width(signed_in, width)
    signed_in.goto("/")
    judge = signed_in.get_by_label("1004/tcp is expected")  # as it is already
    before = layout_shift(signed_in)

    judge.dispatch_event("click")  # what moves soon after a real one does not count as a shift
    expect(signed_in.get_by_role("status")).to_contain_text("1004/tcp on atlas is expected.")

    assert layout_shift(signed_in) == before
