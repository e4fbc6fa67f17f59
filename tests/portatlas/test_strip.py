"""The strips of the cards: what real sweeps leave of a day, as words and as a drawing."""

import re
from datetime import timedelta
from xml.etree import ElementTree as ET

import pytest

from collector.models import PortEvent
from collector.services import reconcile
from collector.sweep import Verdict
from portatlas import presence
from portatlas.board.strip import MOST_SHAPES, strips
from portatlas.models import Port
from tests.collector.sweeps import listener, sweep
from tests.conftest import NOON

pytestmark = pytest.mark.django_db

HOUR = timedelta(hours=1)
MINUTE = timedelta(minutes=1)


def look(hours, *ports, **fields):
    """Look at the host so many hours after noon; one look is due every hour."""
    listeners = [listener(port) for port in ports]
    return reconcile(
        sweep(*listeners, **{"taken_at": NOON + hours * HOUR, "interval": 3600} | fields)
    )


def watch(since, until, *ports, **fields):
    for hours in range(since, until + 1):
        look(hours, *ports, **fields)


def ports(**fields):
    return list(Port.objects.filter(**fields).select_related("host").order_by("port"))


def strip(port, now=NOON):
    [found] = strips(ports(port=port), now).values()
    return found


def said(port, now=NOON):
    return strip(port, now).words.removeprefix("Last 24 hours: ")


def paths(port, now=NOON):
    return dict(re.findall(r'<path class="strip__(\w+)" d="([^"]+)"/>', strip(port, now).svg))


def test_a_port_that_stayed_is_one_block():
    watch(-25, 0, 80)

    assert said(80) == "up all the time."
    assert paths(80) == {"up": "M0 6h288"}


def test_an_outage_and_a_return_are_counted():
    watch(-25, -10, 22, 80)
    watch(-9, -7, 22)
    watch(-6, 0, 22, 80)

    assert said(80) == "up 21 h, down 3 h; came or went 2 times."
    assert paths(80) == {"up": "M0 6h180m36 0h72", "down": "M180 11h36"}


def test_a_port_was_not_there_before_it_was_first_seen():
    watch(-25, -7, 22)
    watch(-6, 0, 22, 80)

    assert said(80) == "up 6 h, down 18 h; came or went once."


def test_before_the_first_look_at_the_host_nothing_is_known():
    watch(-6, 0, 80)

    assert said(80) == "up 6 h, unknown 18 h."
    assert paths(80) == {"up": "M216 6h72", "unknown": "M0 6h216"}


def test_a_gap_is_unknown_and_what_it_brought_is_told_from_its_end():
    watch(-25, -20, 22, 80)
    watch(-10, 0, 22)

    assert said(22) == "up 14 h, unknown 10 h."
    assert said(80) == "up 4 h, down 10 h, unknown 10 h."


def test_a_reboot_is_a_gap_that_a_port_survives():
    watch(-25, -12, 80)
    watch(-11, 0, 80, boot_id="b2")

    assert said(80) == "up 23 h, unknown 1 h."


def test_a_port_that_a_reboot_leaves_awaited_is_down_and_not_up():
    watch(-25, -1, 22, 80)
    for seconds in (30, 45):
        at = NOON - 5 * MINUTE + timedelta(seconds=seconds)
        look(0, 22, taken_at=at, uptime=seconds, boot_id="b2", interval=15)
    now = NOON - 4 * MINUTE

    assert ports(port=80)[0].is_awaited
    assert said(80, now) == "up 23 h, down 4 min, unknown 55 min."


def test_a_port_that_never_came_back_was_down_since_the_reboot():
    watch(-25, -2, 22, 80)
    for seconds in range(30, 240, 15):
        at = NOON - 10 * MINUTE + timedelta(seconds=seconds)
        look(0, 22, taken_at=at, uptime=seconds, boot_id="b2", interval=3600)

    assert PortEvent.objects.get(event_type="disappeared").cause == "boot"
    assert said(80) == "up 22 h, down 9 min, unknown 1 h."


def test_a_look_that_is_not_due_yet_is_no_gap_and_one_that_is_missing_is():
    watch(-25, 0, 80)

    assert said(80, NOON + 3 * HOUR) == "up all the time."
    assert said(80, NOON + 3 * HOUR + MINUTE) == "up 20 h, unknown 3 h."


def test_looks_that_fail_for_long_are_a_gap():
    watch(-25, -6, 80)
    watch(-5, 0, verdict=Verdict.FAILED, reason="ss went away.")

    assert said(80) == "up 18 h, unknown 6 h."


def test_a_host_that_nobody_watched_has_strips_all_the_same(open_port):
    open_port(80)

    assert said(80) == "unknown all the time."
    assert paths(80) == {"unknown": "M0 6h288"}


def test_saved_output_leaves_a_mark_of_each_reading():
    saved = {"source": "file", "machine_id": "", "boot_id": "", "interval": 0}
    look(-30, 22, 80, **saved)
    look(-20, 22, 80, **saved)
    look(-10, 22, **saved)

    assert said(80) == "up for a moment, down for a moment, unknown 1 d."
    assert paths(80) == {
        "up": "M48 6h1",
        "down": "M168 11h1",
        "unknown": "M0 6h48m1 0h119m1 0h119",
    }


def test_a_clock_that_was_ahead_shows_nothing_that_is_still_to_come():
    """N63: until the clock has caught up, what happens is dated like the last look."""
    watch(-25, -1, 22, 80, uptime=9000)
    look(2, 22, 80, uptime=9900)
    look(0, 22, uptime=9960)

    assert PortEvent.objects.get(event_type="disappeared").timestamp == NOON + 2 * HOUR
    assert said(80) == "up all the time."
    assert said(80, NOON + 3 * HOUR) == "up 23 h, down 1 h; came or went once."


def test_an_outage_of_one_look_can_be_seen():
    watch(-25, -1, 22, 80)
    look(0, 22, taken_at=NOON - 30 * MINUTE)
    look(0, 22, 80, taken_at=NOON - 29 * MINUTE)

    assert paths(80) == {"up": "M0 6h282m1 0h5", "down": "M282 11h1"}


def flap(minutes):
    """Let port 80 come and go all day, each time for so long."""
    for number, minute in enumerate(range(-25 * 60, 1, minutes)):
        back = [listener(80, cookie=str(number))] if number % 2 == 0 else []
        at = NOON + minute * MINUTE
        reconcile(sweep(listener(22), *back, taken_at=at, interval=3600))


@pytest.mark.parametrize("minutes", [4, 5, 10, 20])
def test_a_day_of_flapping_is_a_drawing_of_bounded_size(minutes):
    flap(minutes)

    svg = strip(80).svg

    assert 1 <= sum(path.count("h") for path in paths(80).values()) <= MOST_SHAPES
    assert len(svg) < 1500
    assert f"came or went {24 * 60 // minutes} times" in svg


def test_flapping_that_is_faster_than_the_drawing_looks_like_a_comb():
    flap(3)

    assert paths(80)["down"].startswith("M0 11h3m3 0h3m3 0h3")
    assert paths(80)["up"].startswith("M3 6h3m3 0h3m3 0h3")


def test_a_strip_stays_the_same_text_for_five_minutes():
    watch(-25, 0, 22, 80)
    look(0, 22, taken_at=NOON + MINUTE)

    texts = {strip(80, NOON + seconds * timedelta(seconds=1)).svg for seconds in range(61, 300, 7)}

    assert len(texts) == 1


def test_news_are_shown_before_the_five_minutes_are_over():
    watch(-25, 0, 22, 80)
    look(0, 22, taken_at=NOON + MINUTE)

    assert paths(80, NOON + 2 * MINUTE) == {"up": "M0 6h287", "down": "M287 11h1"}


def test_a_strip_is_an_image_with_a_name_and_without_styles():
    watch(-3, 0, 80)

    found = strip(80)

    image = ET.fromstring(found.svg)  # noqa: S314  # our own drawing
    assert (image.get("role"), image.findtext("title")) == ("img", found.words)
    assert "style" not in found.svg.replace("strip", "")


@pytest.mark.parametrize("count", [1, 3])
def test_the_number_of_queries_does_not_grow(count, django_assert_num_queries):
    """Transitions, and coverage; of steady ports on hosts watched all day neither is asked."""
    steady, newer = range(1000, 1000 + count), range(2000, 2000 + count)
    watch(-25, -12, *steady)
    watch(-11, 0, *steady, *newer)
    watch(-3, 0, *steady, host_id="other", machine_id="m2")
    groups = [
        ports(host="atlas", port__in=steady),
        ports(host="atlas", port__in=newer),
        ports(host="other"),
        ports(),
        [],
    ]

    for group, queries in zip(groups, (0, 1, 2, 2, 0), strict=True):
        with django_assert_num_queries(queries):
            assert len(strips(group, NOON)) == len(group)


def test_beyond_the_rows_that_are_read_a_port_that_changed_is_unknown(monkeypatch):
    monkeypatch.setattr(presence, "MOST_ROWS", 3)
    watch(-25, -21, 22, 80)
    for hours in (-20, -15, -10, -5):
        look(hours, 22)
        watch(hours + 1, hours + 4, 22, 80)
    watch(0, 0, 22, 80, 81)

    found = strips(ports(), NOON)

    assert {port.port: found[port.pk].words for port in ports()} == {
        22: "Last 24 hours: up all the time.",
        80: "Last 24 hours: up 8 h, down 1 h, unknown 15 h; came or went 2 times.",
        81: "Last 24 hours: up for a moment, down 1 d; came or went once.",
    }
