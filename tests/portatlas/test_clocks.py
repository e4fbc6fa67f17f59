"""Hosts whose clocks are off: they are seen as they are, and their clocks are told."""

import re
from datetime import timedelta

import pytest
import time_machine

from collector.models import Coverage, HostEvent
from collector.retirement import is_retired, retire
from collector.services import reconcile
from portatlas.hosts import all_hosts, host_views
from portatlas.silence import silences
from tests.collector.sweeps import listener, sweep
from tests.conftest import NOON

pytestmark = pytest.mark.django_db

SECOND, MINUTE, HOUR = (timedelta(seconds=n) for n in (1, 60, 3600))
BEHIND, AHEAD = -HOUR, 4 * MINUTE
LATE = "what happens there is dated 4 min too late"
EARLY = "what happens there is dated 1 h too early"


@pytest.fixture(autouse=True)
def clock():
    with time_machine.travel(NOON, tick=False) as clock:
        yield clock


@pytest.fixture
def add_skewed(add_host):
    """Return a function that records a host that was looked at at noon, by a clock that is off."""

    def add_skewed(host_id, off, **fields):
        times = ("last_look_at", "last_sweep_at", "watched_until")
        told = dict.fromkeys(times, NOON + off) | {"watched_since": NOON + off - 2 * HOUR}
        return add_host(host_id, clock_ahead=off.total_seconds(), **told | fields)

    return add_skewed


def view(now=NOON):
    [found] = host_views(all_hosts(), now)
    return found


def words(response):
    return " ".join(re.sub("<[^>]+>", " ", response.text).split())


@pytest.mark.parametrize("off", [BEHIND, -46 * SECOND, AHEAD])
def test_a_host_is_silent_three_looks_after_the_last_came_whatever_its_clock_says(off, add_skewed):
    add_skewed("web-1", off)

    due, missed = (silences(all_hosts(), NOON + n * SECOND) for n in (45, 46))

    assert (due, missed) == ({}, {"web-1": NOON})


@pytest.mark.parametrize("off", [BEHIND, AHEAD])
def test_a_host_whose_clock_is_off_makes_no_other_seem_silent_or_seen(off, add_skewed, add_host):
    add_skewed("off", off)
    add_host("right")
    add_host("lost", last_look_at=NOON - 46 * SECOND)

    assert silences(all_hosts(), NOON) == {"lost": NOON - 46 * SECOND}


@pytest.mark.parametrize("off", [BEHIND, AHEAD])
def test_its_pages_say_when_it_was_looked_at_by_our_clock(off, add_skewed, open_port, admin_client):
    host = add_skewed("web-1", off)
    Coverage.objects.create(host=host, started_at=host.watched_since, ended_at=host.watched_since)
    open_port(22, host_id="web-1", active_since=host.watched_since)

    pages = [words(admin_client.get(each)) for each in ("/", "/hosts/", "/hosts/web-1/")]

    assert [text.count("Last look 0 s ago") for text in pages] == [1, 1, 1]
    assert "Nobody has looked since" not in pages[2]
    assert not [text for text in pages if "silent" in text or "clock of" in text]


@pytest.mark.parametrize(("off", "said"), [(BEHIND, EARLY), (AHEAD, LATE)])
@pytest.mark.parametrize("address", ["/", "/hosts/web-1/"])
def test_a_clock_that_is_off_is_told_with_its_remedy(off, said, address, add_skewed, admin_client):
    add_skewed("web-1", off)

    text = words(admin_client.get(address))

    assert (
        f"The clocks of web-1 and of this hub differ: {said}. Have NTP set the one that is wrong "
        "(timedatectl set-ntp true)." in text
    )


@pytest.mark.parametrize("seconds", [-10, 0, 10])
def test_a_clock_that_is_hardly_off_is_not_told(seconds, add_skewed):
    add_skewed("web-1", seconds * SECOND)

    assert (view().problems, view().news) == ((), ())


def test_of_a_host_that_is_retired_no_clock_is_told(add_skewed):
    add_skewed("web-1", BEHIND, retired_at=NOON)

    assert view().news == ()


def test_a_clock_of_which_nobody_knows_how_far_it_is_off_was_set_back(add_host):
    """As that of this machine, which is ours."""
    add_host(last_look_at=NOON + MINUTE)

    [said] = view().problems

    assert said == (
        "The clock of atlas was set back: until it has passed 2026-01-01 12:01:00 UTC again, what "
        "happens is dated then."
    )
    assert view(NOON + MINUTE - 2 * SECOND).problems == ()


@pytest.mark.parametrize("off", [BEHIND, AHEAD])
def test_what_happens_to_it_is_news_for_an_hour_from_when_it_happened(off, add_skewed):
    host = add_skewed("web-1", off, booted_at=NOON + off - 3 * MINUTE)
    for kind in ("rebooted", "surge"):
        HostEvent.objects.create(host=host, event_type=kind, timestamp=NOON + off - 2 * MINUTE)

    soon, later = (view(NOON + n * MINUTE).news[:-1] for n in (0, 59))

    assert soon == ("web-1 rebooted 3 min ago.", "web-1, 2 min ago: many ports at once.")
    assert later == ()


@pytest.mark.parametrize("off", [BEHIND, AHEAD])
def test_a_host_that_is_retired_is_back_with_its_next_look(off, add_skewed):
    host = add_skewed("web-1", off)

    retire(host, at=NOON + SECOND)
    before = is_retired(host)
    host.last_look_at += 15 * SECOND

    assert (before, is_retired(host)) == (True, False)


def test_its_looks_send_no_board_anew_until_it_is_silent(admin_client, clock):
    """Although each takes another time on its way here."""
    for _ in range(2):  # with the second it has its cookies
        look(NOON, 0)
        etag = admin_client.get("/")["ETag"]
    answers = []
    for seconds, delay in ((15, 0.8), (30, 0), (75, None), (76, None)):
        clock.move_to(NOON + seconds * SECOND)
        if delay is not None:
            look(NOON + seconds * SECOND, delay)
        answers.append(admin_client.get("/", headers={"If-None-Match": etag}))

    assert [answer.status_code for answer in answers[:2]] == [304, 304]
    assert answers[1]["Last-Look"] == "2026-01-01T12:00:30+00:00"
    assert ["silent" in answer.text for answer in answers[2:]] == [False, True]


def look(at, delay):
    """Record a look by a clock that is an hour behind, which took so many seconds to come."""
    reconcile(sweep(listener(80), taken_at=at - HOUR), looked_at=at + delay * SECOND)


@pytest.mark.parametrize("off", [BEHIND, AHEAD])
def test_the_api_tells_how_far_its_times_are_off(off, add_skewed, admin_client, clock):
    add_skewed("web-1", off)
    etag = admin_client.get("/api/v1/hosts/web-1/")["ETag"]
    clock.shift(45 * SECOND)
    due = admin_client.get("/api/v1/hosts/web-1/", headers={"If-None-Match": etag})
    clock.shift(SECOND)
    missed = admin_client.get("/api/v1/hosts/web-1/", headers={"If-None-Match": etag})

    assert due.status_code == 304
    assert (missed.json()["clock_ahead"], missed.json()["silent_since"]) == (
        off.total_seconds(),
        "2026-01-01T12:00:00Z",
    )


@pytest.mark.parametrize("off", [BEHIND, AHEAD])
def test_the_summary_tells_when_a_host_was_looked_at_by_our_clock(off, add_skewed, admin_client):
    add_skewed("web-1", off)

    told = admin_client.get("/api/v1/summary/").json()

    assert [each["last_look_at"] for each in (told, *told["hosts"])] == ["2026-01-01T12:00:00Z"] * 2
