"""The live refresh of the board."""

import pytest

from tests.browser.checks import NARROW, WIDE, layout_shift, set_width

REFRESH = """() => new Promise((resolve, reject) => {
  document.addEventListener("htmx:after:swap", () => resolve(), {once: true});
  setTimeout(() => reject(new Error("The board was not refreshed within 20 s.")), 20_000);
  document.dispatchEvent(new Event("visibilitychange"));
})"""

PUSH_DOWN = """() => {
  const bar = document.createElement("p");
  bar.textContent = "Pushes the board down.";
  document.getElementById("board").prepend(bar);
}"""


def without_etag(route):
    """Answer as if something had changed: the very same board would not be put into the page."""
    answer = route.fetch()
    headers = {name: value for name, value in answer.headers.items() if name != "etag"}
    route.fulfill(response=answer, headers=headers)


@pytest.fixture
def board(fleet, signed_in, base_url):
    fleet.thirty_ports()
    signed_in.route(f"{base_url}/", without_etag)
    signed_in.goto("/")
    return signed_in


@pytest.mark.parametrize("width", [WIDE, NARROW])
def test_a_refresh_moves_nothing_when_nothing_has_changed(board, width):
    set_width(board, width)
    before = layout_shift(board)

    board.evaluate(REFRESH)

    assert layout_shift(board) == before


def test_a_shift_would_be_noticed(board):
    before = layout_shift(board)

    board.evaluate(PUSH_DOWN)

    assert layout_shift(board) > before
