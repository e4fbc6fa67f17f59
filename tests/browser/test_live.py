"""The board is live, and never moves under somebody's hands."""

import pytest
from django.contrib.sessions.models import Session
from playwright.sync_api import expect

from notes.models import PortNote
from tests.browser.hands import log_in, open_editor

EVERY, IN_TIME = 5000, 1000  # milliseconds between two refreshes
READ = 13_000  # milliseconds in which a message has been read
NO_ANSWER = (
    "error: Failed to load resource: net::ERR_FAILED",
    "error: htmx: htmx:error: Failed to",
)

COUNT = """() => {
  window.asked = window.answered = 0;
  document.addEventListener("htmx:before:request", () => asked++);
  document.addEventListener("htmx:finally:request", () => answered++);
  Object.defineProperty(document, "hidden", {get: () => window.isHidden ?? false});
}"""


@pytest.fixture
def board(fleet, signed_in):
    """A board of three cards, whose clock is ours: refreshes are counted from the first on."""
    for number in (22, 80, 443):
        fleet.port(number)
    signed_in.clock.install()
    signed_in.goto("/")
    signed_in.evaluate(COUNT)
    return signed_in


def refreshes(page, number, *, every=EVERY):
    """Let time pass, and wait until the page was refreshed by itself for that many times."""
    page.clock.fast_forward(every)
    page.wait_for_function("number => answered === number", arg=number)


def type_into_the_search(page):
    page.get_by_label("Search ports").press_sequentially("22")
    expect(page).to_have_url("/?q=22")
    expect(page.locator(".card")).to_have_count(1)
    page.wait_for_function("asked === answered")


def hide(page, *, is_hidden=True):
    page.evaluate("is => { window.isHidden = is }", is_hidden)


BUSY = {
    "types": (type_into_the_search, lambda page: None),  # nothing but time
    "writes": (open_editor, lambda page: page.keyboard.press("Escape")),
    "ticks": (
        lambda page: page.get_by_label("Tick 22/tcp").check(),
        lambda page: page.get_by_label("Tick 22/tcp").uncheck(),
    ),
    "looks elsewhere": (hide, lambda page: hide(page, is_hidden=False)),
}


@pytest.mark.parametrize(("begin", "end"), BUSY.values(), ids=BUSY)
def test_the_board_refreshes_by_itself_but_not_while_somebody(begin, end, board):
    refreshes(board, 1)
    board.clock.fast_forward(EVERY - 2000)
    begin(board)
    before = board.evaluate("asked")

    board.clock.fast_forward(2000)
    assert board.evaluate("asked") == before

    end(board)
    refreshes(board, before + 1)


def test_the_board_is_refreshed_each_second_from_when_on_a_kernel_tells(fleet, board):
    refreshes(board, 1)
    fleet.host().__class__.objects.update(event_source="ebpf")
    refreshes(board, 2)
    expect(board.locator(f"[data-every='{IN_TIME}']")).to_be_visible()
    refreshes(board, 3)  # what was due before it was known

    refreshes(board, 4, every=IN_TIME)
    refreshes(board, 5, every=IN_TIME)


def test_a_search_changes_cards_and_address_as_one_types_and_a_reload_shows_the_same(board):
    search, links = board.get_by_label("Search ports"), board.locator(".card__link")

    search.press_sequentially("443")

    expect(links).to_have_text(["443/tcp"])
    expect(board).to_have_url("/?q=443")
    assert board.evaluate("asked") > 0  # of the same page still
    board.reload()
    expect(links).to_have_text(["443/tcp"])
    expect(search).to_have_value("443")


def test_what_is_being_written_and_what_was_told_outlast_a_refresh(board):
    title = board.locator(".card", has_text="22/tcp").get_by_label("Title")
    open_editor(board)
    title.fill("Half a th")

    board.get_by_label("80/tcp is trusted").click()

    message = board.get_by_role("status").get_by_text("80/tcp on atlas is trusted.")
    expect(message).to_be_visible()
    expect(title).to_have_value("Half a th")
    title.press("Escape")
    refreshes(board, 2)
    expect(message).to_be_visible()
    board.clock.fast_forward(READ)
    expect(message).to_have_count(0)


def test_a_server_that_gives_no_answer_is_told_of_until_it_does(board, base_url, complaints):
    notice = board.get_by_role("alert")
    refreshes(board, 1)
    board.route(f"{base_url}/", lambda route: route.abort())

    board.clock.fast_forward(EVERY)

    expect(notice).to_contain_text("No answer from Port Atlas")
    board.unroute(f"{base_url}/")
    board.clock.fast_forward(EVERY)
    expect(notice).to_be_hidden()
    assert [each for each in complaints if not each.startswith(NO_ANSWER)] == []
    complaints.clear()


def test_a_session_that_ended_loses_nothing_and_after_a_new_login_the_page_goes_on(board):
    title, notice = board.get_by_label("Title"), board.get_by_role("alert")
    judge = board.get_by_label("80/tcp is trusted")
    open_editor(board)
    title.fill("Way in")
    Session.objects.all().delete()

    judge.click()
    expect(notice).to_contain_text("You are logged out, and nothing was saved.")
    expect(title).to_have_value("Way in")
    assert not PortNote.objects.exists()

    tab = board.context.new_page()
    tab.goto("/login/")
    log_in(tab, "password")
    expect(tab.get_by_role("button", name="Log out admin")).to_be_visible()
    judge.click()
    expect(judge).to_have_attribute("aria-pressed", "true")
    expect(notice).to_be_hidden()
    board.get_by_role("button", name="Save the note").click()
    expect(title).to_have_count(0)
    board.reload()
    expect(board.locator(".card__title", has_text="Way in")).to_have_count(1)
    assert set(PortNote.objects.values_list("port", "risk_level")) == {
        (22, "expected"),
        (80, "trusted"),
    }
