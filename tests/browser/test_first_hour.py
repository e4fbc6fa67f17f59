"""The first hour of somebody new, on this machine's own ports and with the real collector."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from socket import create_server

import pytest
from playwright.sync_api import Page, expect

from collector.tasks import collect
from notes.models import PortNote
from portatlas.states import PortState
from tests.tools import require

SERVICE = "import socket, time; s = socket.create_server(('127.0.0.1', {port})); time.sleep(600)"
COME_BACK = "document.dispatchEvent(new Event('visibilitychange'))"
STATES = """cards => cards.map((card) => [
  card.querySelector(".card__link").textContent,
  card.querySelector(".state").textContent.toLowerCase(),
])"""


class Hand:
    """The hand of the user, which counts its clicks."""

    def __init__(self, page: Page):
        self.page, self.clicks = page, 0

    def click(self, selector: str):
        self.page.locator(selector).first.click()
        self.clicks += 1

    def judge(self, port: int, word: str):
        self.click(f'[aria-label="{port}/tcp is {word}"]')
        expect(self.page.locator(".message").last).to_contain_text(f"{port}/tcp")


def free_port(above: int = 600) -> int:
    """Return the lowest free port: of cards that are alike the lowest comes first."""
    for port in range(above + 1, 65536):
        try:
            with create_server(("127.0.0.1", port)):
                return port
        except OSError:
            continue
    pytest.fail("No port is free.")


@contextmanager
def service(port: int) -> Iterator[None]:
    """Run a program that listens on a port of this machine."""
    process = subprocess.Popen([sys.executable, "-c", SERVICE.format(port=port)])  # noqa: S603  # our own words
    try:
        while process.poll() is None and not is_listening(port):
            pass
        yield
    finally:
        process.kill()
        process.wait()


def is_listening(port: int) -> bool:
    command = [require("ss"), "-Hlnt", f"sport = {port}"]
    return bool(subprocess.run(command, capture_output=True, check=True).stdout)  # noqa: S603  # our own words


def look(page: Page):
    """Look at this machine, and let the board notice, as when one comes back to it."""
    collect()
    page.evaluate(COME_BACK)


def is_on_top(page: Page, port: int, state: PortState) -> bool:
    """
    Return whether nothing calmer, or as urgent, stands above a port.

    Other programs of this machine come and go beside ours, and some may be more urgent.
    """
    cards = page.locator(".card").evaluate_all(STATES)
    above = cards[: cards.index([f"{port}/tcp", state])]
    order = PortState.values
    return all(order.index(other) < order.index(state) for _, other in above)


def test_from_an_empty_board_to_a_ghost_and_a_stranger(signed_in, db):
    """Everything is triaged in three clicks; then what goes and what comes stands on top."""
    page, hand = signed_in, Hand(signed_in)
    trusted, stranger = free_port(), free_port(free_port())

    def of(state):  # other programs of this machine come and go beside ours
        return page.locator(f".card--{state} .card__link")

    page.goto("/")
    expect(page.locator("h1")).to_have_text("Nothing is known of this machine yet.")
    with service(trusted):
        look(page)
        expect(page.locator(f'[aria-label="Tick {trusted}/tcp"]')).to_be_visible()
        expect(page.locator(".step--done")).to_have_count(1)

        hand.click(".card__pick")
        hand.click('[data-pick="all"]')
        hand.click('.bulk [value="expected"]')
        expect(page.locator(".card--unnoted")).to_have_count(0)
        assert hand.clicks == 3

        hand.judge(trusted, "trusted")
        expect(page.locator(f'[aria-label="{trusted}/tcp is trusted"]')).to_have_attribute(
            "aria-pressed", "true"
        )
        assert hand.clicks == 4

    look(page)
    expect(of("ghost").first).to_have_text(f"{trusted}/tcp")
    assert is_on_top(page, trusted, PortState.GHOST)
    with service(trusted), service(stranger):
        look(page)
        expect(of("ghost").filter(has_text=f"{trusted}/tcp")).to_have_count(0)
        expect(of("unnoted").first).to_have_text(f"{stranger}/tcp")
        assert is_on_top(page, stranger, PortState.UNNOTED)

    assert PortNote.objects.get(port=trusted).risk_level == "trusted"
    assert not PortNote.objects.filter(port=stranger).exists()
