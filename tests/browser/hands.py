"""What people do with a page, for more than one test."""

from playwright.sync_api import Page, expect


def log_in(page: Page, password: str) -> None:
    page.get_by_label("User name").fill("admin")
    page.get_by_label("Password").fill(password)
    page.get_by_role("button", name="Log in").click()


def open_editor(page: Page) -> None:
    """Open the editor of the first card."""
    page.locator(".card__edit").first.click()
    expect(page.get_by_label("Title")).to_be_focused()


def open_help(page: Page) -> None:
    page.keyboard.press("?")
    expect(page.get_by_role("dialog")).to_be_visible()


def annotate(page: Page) -> None:
    """Tick the first cards, and go to the page that writes the same into all of their notes."""
    for box in page.locator(".card__pick").all()[:3]:
        box.check()
    page.get_by_role("button", name="Annotate…").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Annotate 3 ports")


def unfold_reservation(page: Page) -> None:
    """Show the form of a port's reservation."""
    page.locator("[aria-labelledby=reservation] summary").click()
    expect(page.get_by_label("Project")).to_be_visible()
