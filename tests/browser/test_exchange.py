"""Notes go out and come in through a browser, also on a phone and by who sees no colours."""

import pytest

from notes.models import PortNote
from tests.browser.checks import axe_in_schemes, overflow, set_width

TEXT = (
    "format: portatlas-notes\nversion: 1\nnotes:\n"
    "- {host_id: atlas, port: 22, title: What the file says, owner: ops}\n"
    "- {host_id: atlas, port: 9999, title: New}\n"
)


def wrong(page):
    """Return what axe finds, and what is wrong on a phone."""
    found = axe_in_schemes(page)
    set_width(page, 390)
    return found + overflow(page)


@pytest.fixture
def import_page(fleet, signed_in):
    """The page that asks for a file, reached from the list of notes, beside a note of port 22."""
    fleet.one_port()
    PortNote.objects.create(host_id="atlas", port=22, title="What the note says")
    signed_in.goto("/admin/notes/portnote/")
    signed_in.get_by_role("link", name="Import…").click()
    return signed_in


def choose(page, text):
    page.get_by_label("File:").set_input_files(
        {"name": "notes.yaml", "mimeType": "application/yaml", "buffer": text.encode()}
    )
    page.get_by_role("button", name="Look at it").click()


def test_a_file_is_chosen_looked_at_and_written(import_page):
    choose(import_page, TEXT)
    import_page.get_by_label("The file wins").check()

    import_page.get_by_role("button", name="Write 2 notes").click()

    import_page.get_by_text("1 note is new, 1 replaced, 0 are the same.").wait_for()
    assert set(PortNote.objects.values_list("port", "title")) == {
        (22, "What the file says"),
        (9999, "New"),
    }


def test_everybody_can_choose_a_file(import_page):
    assert wrong(import_page) == []


def test_everybody_can_read_what_is_wrong_with_a_file(import_page):
    choose(import_page, "nothing")

    assert wrong(import_page) == []


def test_everybody_can_read_what_would_be_written(import_page):
    choose(import_page, TEXT)

    assert wrong(import_page) == []


def test_everybody_can_read_that_nothing_would_change(import_page):
    choose(import_page, "format: portatlas-notes\nversion: 1\nnotes: []\n")

    assert wrong(import_page) == []


def test_everybody_can_choose_how_to_export(fleet, signed_in):
    fleet.every_kind()

    signed_in.goto("/admin/notes/portnote/files/")

    assert wrong(signed_in) == []
