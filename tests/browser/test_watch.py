"""What the other tests of this folder rely on: whatever is wrong with a page is noticed."""

import pytest

from tests.browser.checks import NARROW, axe, overflow, set_width

COMPLAINTS = [
    ("console.log('hello')", "log: hello"),
    ("setTimeout(() => { throw new Error('broken') })", "error: broken"),
    ("document.body.setAttribute('style', 'color: red')", "error: CSP: style-src-attr inline"),
    ("document.body.append(new Image()); document.images[0].src = 'data:,'", "error: CSP: img-src"),
    ("open('http://192.0.2.1/')", "request: http://192.0.2.1/"),
]


def has_said(complaints, what, page):
    for _ in range(500):
        if any(complaint.startswith(what) for complaint in complaints):
            return True
        page.wait_for_timeout(10)  # milliseconds
    return False


@pytest.mark.parametrize(("script", "complaint"), COMPLAINTS)
def test_what_goes_wrong_is_noticed(script, complaint, page, complaints):
    page.goto("/login/")

    page.evaluate(f"() => {{ {script} }}")

    assert has_said(complaints, complaint, page)
    complaints.clear()


def test_grave_findings_are_told_by_rule_and_element(page):
    page.set_content('<html lang="en"><title>A page</title><input id="nameless">')

    (finding,) = axe(page)

    assert finding.startswith("critical label: #nameless: Fix any of the following:")


def test_of_a_part_only_what_is_wrong_there_is_told(page):
    page.set_content('<html lang="en"><title>A page</title><p id="top"><input id="b"></p><input>')

    (finding,) = axe(page, parts=["#top"])

    assert finding.startswith("critical label: #b: ")


def test_what_sticks_out_is_told(page):
    page.set_content('<style>body { margin: 0 }</style><table id="wide" width="400"><td>Text')
    set_width(page, NARROW)

    assert overflow(page)[0] == "table#wide ends at 400"
