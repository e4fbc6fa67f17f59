"""The board by keyboard, as its help tells it."""

import pytest
from playwright.sync_api import expect


@pytest.fixture
def board(fleet, signed_in):
    for number in (22, 80, 443):
        fleet.port(number)
    signed_in.goto("/")
    return signed_in


def card(page, number):
    return page.get_by_role("link", name=f"{number}/tcp", exact=True)


def press(page, *keys):
    for key in keys:
        page.keyboard.press(key)


def test_a_slash_leads_to_the_search_where_keys_are_text_and_escape_leaves_it(board):
    search = board.get_by_label("Search ports")

    press(board, "/")
    expect(search).to_be_focused()
    board.keyboard.type("j n ? x /")
    expect(search).to_have_value("j n ? x /")
    expect(search).to_be_focused()
    expect(board.locator("dialog[open], .editor, :checked")).to_have_count(0)

    press(board, "Escape")
    expect(search).not_to_be_focused()


def test_j_and_k_walk_the_cards_to_their_ends_and_enter_opens_the_port(board):
    press(board, "k")
    expect(card(board, 443)).to_be_focused()
    press(board, "j")
    expect(card(board, 443)).to_be_focused()
    press(board, "k", "k")
    expect(card(board, 22)).to_be_focused()
    press(board, "k")
    expect(card(board, 22)).to_be_focused()
    press(board, "j", "Enter")

    expect(board).to_have_url("/ports/atlas/tcp/80/")


def test_n_opens_the_note_in_its_card_and_escape_gives_the_focus_back(board):
    title = board.locator(".card").nth(1).get_by_label("Title")

    press(board, "j", "j", "n")
    expect(title).to_be_focused()
    title.fill("")
    board.keyboard.type("j n ?")
    expect(title).to_have_value("j n ?")
    expect(board.get_by_role("dialog")).to_be_hidden()
    expect(board.locator(".editor")).to_have_count(1)

    press(board, "Escape")
    expect(board.locator(".editor")).to_have_count(0)
    expect(card(board, 80)).to_be_focused()


def test_x_ticks_the_card_and_unticks_it(board):
    box = board.get_by_label("Tick 22/tcp")

    press(board, "j", "x")
    expect(box).to_be_checked()
    expect(board.locator("#picked")).to_have_text("1 ticked: they are")
    press(board, "x")
    expect(box).not_to_be_checked()


def test_a_question_mark_opens_the_help_where_only_escape_does_something(board):
    help_ = board.get_by_role("dialog", name="Keys")

    press(board, "j", "?")
    expect(help_).to_be_visible()
    press(board, "j", "x", "n")
    expect(board.locator(".editor, :checked")).to_have_count(0)
    press(board, "Escape")

    expect(help_).to_be_hidden()
    expect(card(board, 22)).to_be_focused()
