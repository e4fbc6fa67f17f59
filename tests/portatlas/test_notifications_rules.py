"""What rules tell of, what they never do, and when."""

import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import time, timedelta
from itertools import chain

import pytest
from django.contrib.auth import get_user_model
from django.db import connection, transaction
from django.db.models import F

from collector.models import Host, PortEvent, PortRuntime
from collector.retirement import retire
from collector.services import reconcile
from collector.sweep import Owner, OwnerState, Scope
from notes import services as notes
from notes.models import PortNote
from portatlas.contexts.reservations.services import Actor, release
from portatlas.notifications.models import Channel, Delivery, Matter, Rule
from portatlas.notifications.watch import evaluate
from tests.collector.sweeps import TICK, listener, sweep
from tests.conftest import NOON
from tests.portatlas.bookings import reserved

pytestmark = pytest.mark.django_db

MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)
SITE = "https://atlas.example.org"


@pytest.fixture
def make_rule(story):
    """Return a function that makes a rule with a channel of its own, as of now."""

    def make_rule(kind, **fields):
        name = f"{kind} {Rule.objects.count()}"
        rule = Rule.objects.create(name=name, kind=kind, **{"since": story.now} | fields)
        channel = Channel.objects.create(name=f"of {rule.name}", kind="email", address="a@b.org")
        rule.channels.add(channel)
        return rule

    return make_rule


class Story:
    """One host, looked at a tick after the other, with the rules evaluated after each look."""

    def __init__(self):
        self.ticks = 0

    def look(self, *listeners, ticks=1, **fields):
        """Look, evaluate, and return the subjects of what is told."""
        self.ticks += ticks
        reconcile(sweep(*listeners, ticks=self.ticks, **fields), confirmed=True)
        return self.after(evaluate_by_clock=False)

    def after(self, span=timedelta(0), *, evaluate_by_clock=True):
        """Let time pass, evaluate by the clock, and return the subjects of what is told."""
        self.ticks += int(span / TICK)
        old = set(Delivery.objects.values_list("pk", flat=True))
        evaluate(self.now, by_clock=evaluate_by_clock, site=SITE)
        new = Delivery.objects.exclude(pk__in=old).order_by("pk")
        return [each.subject.removeprefix("[Port Atlas] ") for each in new]

    @property
    def now(self):
        return NOON + self.ticks * TICK


@pytest.fixture
def story(db):
    return Story()


def nobodys(port, **fields):
    return replace(listener(port, **fields), owner=Owner(OwnerState.UNKNOWN))


def client(port, **fields):
    return replace(listener(port, protocol="udp", **fields), is_client=True)


A, B, C = listener(80), listener(81), listener(82)


def test_a_new_port_is_told_once(story, make_rule):
    make_rule("new_port")
    story.look(A)

    told = [story.look(A, B), story.look(A, B), story.look(A, B), story.after(MINUTE)]

    assert told == [["1 new port: 81/tcp on atlas"], [], [], []]


def test_a_message_says_what_is_known_of_a_port(story, make_rule):
    make_rule("new_port")
    PortNote.objects.create(host_id="atlas", port=81, title="The shop", owner="alice")
    story.look(A)
    story.look(A, B)

    delivery = Delivery.objects.get(subject__contains="81")

    assert delivery.body == (
        "1 new port.\n"
        "\n"
        '- 81/tcp on atlas: "The shop", nginx, open to everywhere\n'
        "  https://atlas.example.org/ports/atlas/tcp/81/\n"
        "\n"
        "Rule: new_port 0\n"
    )
    assert delivery.document["items"] == [
        {
            "name": "81/tcp on atlas",
            "url": "https://atlas.example.org/ports/atlas/tcp/81/",
            "host": "atlas",
            "protocol": "tcp",
            "port": 81,
            "is_active": True,
            "title": "The shop",
            "owner": "alice",
            "held_by": "nginx",
            "reach": "any",
            "since": "2026-01-01T12:00:30Z",
        }
    ]


def test_the_link_of_a_message_is_that_of_the_page(story, make_rule):
    from django.urls import reverse  # noqa: PLC0415  # what the worker does without

    make_rule("new_port")
    story.look(A)
    story.look(A, B)

    url = Delivery.objects.get(subject__contains="81").document["items"][0]["url"]

    assert url == SITE + reverse("port", args=["atlas", "tcp", 81])


def test_the_first_look_at_a_host_is_one_message(story, make_rule):
    rule = make_rule("new_port")

    assert story.look(A, B, C) == ["1 new host: atlas"]
    assert "3 ports listening at the first look" in Delivery.objects.get(rule=rule).body
    assert story.look(A, B, C) == []


def test_what_the_first_look_finds_is_told_by_no_rule_about_states(story, make_rule):
    make_rule("unnoted")
    make_rule("suspicious")

    told = [story.look(A, nobodys(81), nobodys(82)) for _ in range(4)]

    assert told == [[], [], [], []]
    assert PortRuntime.objects.filter(owner_state="unknown").count() == 2


def test_what_was_there_before_a_rule_is_told_as_it_stands(story, make_rule):
    story.look(A, B)
    story.after(HOUR)
    story.look(A, B, ticks=1)
    make_rule("new_port")
    make_rule("unnoted")

    assert story.look(A, B) == ["2 unnoted ports"]


def test_an_unnoted_port_is_told_and_its_recovery_if_asked_for(story, make_rule):
    make_rule("unnoted", tells_recovery=True)
    story.look(A)
    first = story.look(A, B)
    PortNote.objects.create(host_id="atlas", port=81)

    assert first == ["1 unnoted port: 81/tcp on atlas"]
    assert story.look(A, B) == ["1 port no longer unnoted: 81/tcp on atlas"]
    assert story.look(A, B) == []
    assert not Matter.objects.exclude(status="arrived").exists()


def test_a_recovery_is_not_told_unless_asked_for(story, make_rule):
    make_rule("unnoted")
    story.look(A)
    story.look(A, B)

    assert story.look(A) == []


def test_what_was_never_told_does_not_recover_either(story, make_rule):
    make_rule("unnoted", tells_recovery=True)
    story.look(A, B)

    assert story.look(A) == []


def test_what_is_over_before_it_is_due_is_never_told(story, make_rule):
    make_rule("unnoted", minutes=5, tells_recovery=True)
    make_rule("new_port", minutes=5, tells_recovery=True)
    story.look(A)

    told = [story.look(A, B), story.look(A), story.after(HOUR)]

    assert told == [[], [], []]


def test_a_condition_has_to_hold_for_its_minutes(story, make_rule):
    make_rule("unnoted", minutes=5)
    story.look(A)
    story.look(A, B)

    told = [story.after(4 * MINUTE), story.after(MINUTE), story.after(MINUTE)]

    assert told == [[], ["1 unnoted port: 81/tcp on atlas"], []]


def test_a_new_port_that_was_away_meanwhile_is_told_when_it_stays(story, make_rule):
    make_rule("new_port", minutes=1)
    story.look(A)
    story.look(A, B)
    story.look(A)

    told = [story.look(A, B), story.after(MINUTE)]

    assert told == [[], ["1 new port: 81/tcp on atlas"]]


def test_a_port_that_returns_is_not_new(story, make_rule):
    make_rule("new_port")
    story.look(A, B)
    story.look(A)

    assert story.look(A, B) == []


def test_a_told_new_port_that_returns_is_not_new_again(story, make_rule):
    make_rule("new_port", tells_recovery=True)
    story.look(A)

    told = [story.look(A, B), story.look(A), story.look(A, B), story.look(A)]

    assert told == [
        ["1 new port: 81/tcp on atlas"],
        ["1 new port gone again: 81/tcp on atlas"],
        [],
        [],
    ]


def test_client_sockets_are_never_told(story, make_rule):
    for kind in Rule.Kind:
        make_rule(kind)
    story.look(A, ticks=0)

    told = [story.look(A, client(40000 + n, cookie=f"c{n}")) for n in range(6)]

    assert told == [[], [], [], [], [], []]


def test_a_client_like_socket_is_told_when_it_stayed_for_an_hour(story, make_rule):
    make_rule("new_port")
    make_rule("unnoted")
    PortNote.objects.create(host_id="atlas", port=80)
    story.look(A)
    for _ in range(240):
        story.ticks += 1
        reconcile(sweep(A, client(51820), ticks=story.ticks))
    before = story.after()

    story.look(A, client(51820))
    told = story.after()

    assert before == []
    assert told == ["1 new port: 51820/udp on atlas", "1 unnoted port: 51820/udp on atlas"]
    assert story.after(MINUTE) == []


def test_a_client_like_socket_of_the_first_look_is_not_told_when_it_stayed(story, make_rule):
    make_rule("new_port")
    make_rule("unnoted")
    for _ in range(250):
        story.ticks += 1
        reconcile(sweep(client(51820), ticks=story.ticks))
        if story.ticks == 1:
            story.after()

    assert story.after() == []
    assert PortRuntime.objects.get().is_client


def test_a_suspicious_port_is_told(story, make_rule):
    make_rule("suspicious")
    story.look(A)
    story.look(A, nobodys(81))

    assert story.look(A, nobodys(81)) == ["1 suspicious port: 81/tcp on atlas"]


def test_a_judgement_is_told_with_the_next_look(story, make_rule):
    make_rule("suspicious")
    story.look(A)
    user = get_user_model().objects.create_user("alice")
    notes.save(PortNote(host_id="atlas", port=80, risk_level="suspicious"), by=user)

    assert story.look(A) == ["1 suspicious port: 80/tcp on atlas"]


@pytest.mark.parametrize("looks", [0, 1])
def test_that_a_port_is_reserved_for_another_is_told_with_the_next_look(looks, story, make_rule):
    make_rule("suspicious")
    for _ in range(looks):
        story.look(A)
    reserved(80, process_name="caddy")

    assert story.look(A) == ["1 suspicious port: 80/tcp on atlas"]


def test_that_a_reserved_port_is_its_own_again_is_told(story, make_rule):
    make_rule("suspicious", tells_recovery=True)
    reserved(80, process_name="caddy")
    story.look(A)
    release(("atlas", "tcp", 80), by=Actor("ann"), at=story.now)

    assert story.look(A) == ["1 port no longer suspicious: 80/tcp on atlas"]


def test_a_ghost_is_told_and_its_return(story, make_rule):
    make_rule("ghost", tells_recovery=True)
    PortNote.objects.create(host_id="*", port=80)
    story.look(A, B)

    told = [story.look(B), story.look(B), story.look(A, B)]

    assert told == [
        ["1 missing port: 80/tcp on atlas"],
        [],
        ["1 missing port back: 80/tcp on atlas"],
    ]


def test_flapping_is_told_and_that_it_ended_by_the_clock(story, make_rule):
    make_rule("flapping", tells_recovery=True)
    PortNote.objects.create(host_id="atlas", port=81)
    story.look(A, B)

    told = [story.look(*each) for each in [(A,), (A, B), (A,), (A, B)]]

    assert told == [[], [], [], ["1 flapping port: 81/tcp on atlas"]]
    assert story.after(HOUR + MINUTE) == ["1 port calm again: 81/tcp on atlas"]


def test_another_owner_is_told(story, make_rule):
    make_rule("owner_changed")
    story.look(A, B)

    told = [story.look(A, listener(81, cookie="x", pid=7, name="evil")) for _ in range(3)]

    assert told == [["1 port with another owner: 81/tcp on atlas"], [], []]
    assert "/usr/sbin/nginx → /usr/sbin/evil" in Delivery.objects.get().body


def test_an_owner_that_comes_after_a_while_is_another_too(story, make_rule):
    make_rule("owner_changed")
    story.look(A, B)
    story.look(A)

    told = story.look(A, listener(81, cookie="x", pid=7, name="evil"))

    assert told == ["1 port with another owner: 81/tcp on atlas"]


def test_an_owner_that_is_back_before_it_is_due_was_never_away(story, make_rule):
    make_rule("owner_changed", minutes=5)
    story.look(A, B)
    story.look(A, listener(81, cookie="x", pid=7, name="evil"))
    story.look(A, listener(81, cookie="y", pid=8))

    assert story.after(HOUR) == []


def test_a_second_change_of_owner_is_told_again(story, make_rule):
    make_rule("owner_changed")
    story.look(A, B)
    story.look(A, listener(81, cookie="x", pid=7, name="evil"))

    told = story.look(A, listener(81, cookie="y", pid=8, name="worse"))

    assert told == ["1 port with another owner: 81/tcp on atlas"]


def test_a_restart_of_the_same_program_is_told_by_no_rule(story, make_rule):
    """N64: alerting on PIDs is a mistake."""
    for kind in Rule.Kind:
        make_rule(kind)
    story.look(A, B)
    story.after()

    assert story.look(A, listener(81, cookie="x", pid=7)) == []


@pytest.mark.parametrize("late", [2, 20])  # within the grace of a boot, and after it
def test_a_reboot_tells_nothing(late, story, make_rule):
    """N62: but of a service that does not come back."""
    for kind in Rule.Kind:
        make_rule(kind, tells_recovery=True)
    PortNote.objects.create(host_id="atlas", port=80, risk_level="trusted")
    story.look(A, B, C, uptime=10_000)
    story.after()
    story.look(A, B, C, uptime=10_015)

    after = [listener(port, cookie=f"boot-{port}", pid=port) for port in (80, 81, 82)]
    told = story.look(boot_id="b2", uptime=10)
    told += story.look(*after[:2], boot_id="b2", uptime=25)
    for n in range(late):
        told += story.look(*after[:2], boot_id="b2", uptime=40 + 15 * n)
    for n in range(3):
        told += story.look(*after, boot_id="b2", uptime=55 + 15 * (late + n))
        told += story.after()

    assert told == []


def test_a_service_that_a_reboot_leaves_missing_is_told_after_the_grace(story, make_rule):
    make_rule("ghost")
    PortNote.objects.create(host_id="atlas", port=80, risk_level="trusted")
    story.look(A, B, uptime=10_000)
    back = listener(81, cookie="boot-81", pid=81)

    told = [story.look(back, boot_id="b2", uptime=10 + 15 * n) for n in range(14)]

    assert [*chain(*told)] == ["1 missing port: 80/tcp on atlas"]


def test_a_gap_tells_neither_new_ports_nor_owners_nor_recoveries(story, make_rule):
    """N61: what happened while nobody looked was not observed."""
    for kind in ("new_port", "owner_changed", "flapping"):
        make_rule(kind, tells_recovery=True)
    make_rule("unnoted", tells_recovery=True)
    story.look(A, B)
    story.look(A, B)

    told = story.look(A, C, listener(83, cookie="x", pid=7, name="evil"), ticks=1000)

    assert told == ["2 unnoted ports"]
    assert PortEvent.objects.filter(cause="gap").count() == 3


def test_rules_are_narrowed_by_host_tag_and_reach(story, make_rule):
    story.look(A)
    make_rule("new_port", host_id="atlas")
    make_rule("new_port", host_id="other")
    make_rule("new_port", tag="prod")
    make_rule("new_port", tag="pro")
    make_rule("new_port", scope="private")
    PortNote.objects.create(host_id="atlas", port=81, tags=["prod"])
    local = listener(82, address="127.0.0.1", scope=Scope.LOOPBACK)
    private = listener(83, address="10.0.0.1", scope=Scope.PRIVATE)

    story.look(A, B, local, private)

    subjects = Delivery.objects.order_by("rule").values_list("rule__name", "subject")
    assert list(subjects) == [
        ("new_port 0", "[Port Atlas] 3 new ports"),
        ("new_port 2", "[Port Atlas] 1 new port: 81/tcp on atlas"),
        ("new_port 4", "[Port Atlas] 2 new ports"),
    ]


def test_a_storm_is_one_message_for_each_rule_and_channel(story, make_rule):
    story.look(A)
    rule = make_rule("new_port")
    make_rule("unnoted")
    second = Channel.objects.create(name="second", kind="email", address="c@d.org")
    rule.channels.add(second)
    flood = [listener(1000 + n) for n in range(2500)]

    told = story.look(A, *flood)

    assert told == ["2,500 new ports", "2,500 new ports", "2,500 unnoted ports"]
    delivery = Delivery.objects.filter(rule=rule).first()
    assert [item["port"] for item in delivery.document["items"]] == list(range(1000, 1010))
    assert (delivery.document["total"], delivery.document["more"]) == (2500, 2490)
    assert "... and 2,490 more." in delivery.body


def test_what_goes_on_after_a_storm_is_collected(story, make_rule):
    story.look(A)
    make_rule("new_port")
    ports = [listener(1000 + n) for n in range(20)]
    story.look(A, *ports[:11])

    told = [story.look(A, *ports[: 12 + n]) for n in range(5)]

    assert [*chain(*told)] == []
    assert story.after(10 * MINUTE) == ["5 new ports"]


def test_a_storm_that_is_over_is_one_recovery(story, make_rule):
    make_rule("unnoted", tells_recovery=True)
    story.look(A)
    story.look(A, *[listener(1000 + n) for n in range(1200)])
    story.look(A)

    assert story.after(10 * MINUTE) == ["1,200 ports no longer unnoted"]


def test_a_digest_collects_from_the_first_matter_on(story, make_rule):
    story.look(A)
    make_rule("new_port", digest=30)
    story.look(A, B)
    told = [story.after(20 * MINUTE), story.look(A, B, C)]

    # A gap lies before C, so that it is nobody's news; another comes while somebody looks.
    told.append(story.look(A, B, C, listener(83)))

    assert told == [[], [], []]
    assert story.after(10 * MINUTE) == ["2 new ports"]


def test_quiet_hours_hold_back_what_still_holds_when_they_end(story, make_rule):
    story.look(A)
    make_rule(
        "new_port", quiet_from=time(13), quiet_until=time(14), time_zone="Europe/Berlin"
    )  # from noon till one, in January
    told = [story.look(A, B, C), story.look(A, C), story.after(59 * MINUTE - 2 * TICK)]

    assert told == [[], [], []]
    assert story.after(MINUTE) == ["1 new port: 82/tcp on atlas"]


def test_a_silent_collector_is_told_and_that_it_is_heard_again(story, make_rule):
    make_rule("silent", minutes=5, tells_recovery=True)
    story.look(A)

    told = [story.after(4 * MINUTE), story.after(MINUTE), story.after(MINUTE), story.after(MINUTE)]

    assert told == [[], [], ["1 silent collector: atlas"], []]
    assert "nothing was seen since 2026-01-01 12:00:15 UTC" in Delivery.objects.get().body
    assert story.look(A) == ["1 collector heard again: atlas"]


def test_a_machine_that_wakes_up_does_not_call_itself_silent(story, make_rule):
    make_rule("silent")
    story.look(A)

    told = [story.after(8 * HOUR), story.look(A), story.after(MINUTE - 2 * TICK)]

    assert told == [[], [], []]


@pytest.mark.parametrize("off", [-HOUR, 4 * MINUTE])
def test_a_host_whose_clock_is_off_is_silent_when_its_looks_are_missing(off, story, make_rule):
    make_rule("silent")
    story.look(A)
    times = ("last_look_at", "last_sweep_at", "watched_until")
    Host.objects.update(clock_ahead=off.total_seconds(), **{name: F(name) + off for name in times})

    told = [story.after(TICK), story.after(MINUTE), story.after(MINUTE), story.after(MINUTE)]

    assert told == [[], [], ["1 silent collector: atlas"], []]


def test_a_host_without_planned_looks_is_never_silent(story, make_rule):
    make_rule("silent")
    story.look(A, interval=0)

    assert [story.after(HOUR), story.after(HOUR)] == [[], []]


def test_of_a_retired_host_nobody_expects_to_hear(story, make_rule):
    make_rule("silent", tells_recovery=True)
    story.look(A)
    told = [story.after(HOUR), story.after(HOUR)]

    retire(Host.objects.get(), at=story.now)

    assert told == [[], ["1 silent collector: atlas"]]
    assert [story.after(HOUR), story.after(HOUR)] == [[], []]


def test_a_rule_without_a_channel_waits_for_one(story, make_rule):
    story.look(A)
    rule = make_rule("new_port")
    channel = rule.channels.get()
    rule.channels.clear()
    before = story.look(A, B)
    rule.channels.add(channel)

    assert (before, story.after()) == ([], ["1 new port: 81/tcp on atlas"])


def test_names_that_processes_chose_stay_on_one_line(story, make_rule):
    story.look(A)
    make_rule("new_port")
    story.look(A, listener(81, name="x\r\nBcc: all@example.org\x1b[2J\u202e" + "y" * 200))

    delivery = Delivery.objects.get(subject__contains="81")

    line = next(each for each in delivery.body.splitlines() if each.startswith("- "))
    assert line.startswith("- 81/tcp on atlas: x Bcc: all@example.org [2J yyy")
    assert len(line) < 150


def test_a_rule_that_fails_stops_no_other(story, make_rule, monkeypatch, caplog):
    from django.db import DatabaseError  # noqa: PLC0415  # of this test alone

    from portatlas.notifications import telling  # noqa: PLC0415  # as above

    make_rule("new_port")
    make_rule("unnoted")
    story.look(A)
    right = telling.tell

    def wrong(rule, at, site):
        if rule.kind == "new_port":
            raise DatabaseError
        return right(rule, at, site)

    monkeypatch.setattr(telling, "tell", wrong)
    first = story.look(A, B)
    monkeypatch.setattr(telling, "tell", right)

    assert first == ["1 unnoted port: 81/tcp on atlas"]
    assert "could not be evaluated" in caplog.text
    assert story.look(A, B) == ["1 new port: 81/tcp on atlas"]


def test_a_time_zone_that_is_no_more_stops_no_other_rule(story, make_rule, caplog):
    quiet = {"quiet_from": time(22), "quiet_until": time(6)}
    make_rule("new_port", time_zone="Europe/Atlantis", **quiet)
    make_rule("unnoted")
    story.look(A)

    assert story.look(A, B) == ["1 unnoted port: 81/tcp on atlas"]
    assert "The rule" in caplog.text
    assert "Europe/Atlantis" in caplog.text


@pytest.mark.django_db(transaction=True)
def test_a_change_is_noticed_though_a_later_one_was_committed_before(story, make_rule):
    if connection.vendor == "sqlite":
        pytest.skip("one connection writes at a time, by the database itself")
    early, late = [PortNote.objects.create(host_id="atlas", port=port) for port in (82, 81)]
    make_rule("ghost", tag="shop")
    story.look(A, B, C)
    story.look(A)
    written, overtaken = threading.Event(), threading.Event()

    def write_slowly():
        with transaction.atomic():
            late.tags = ["shop"]
            late.save()
            written.set()
            assert overtaken.wait(30)
        connection.close()

    with ThreadPoolExecutor(1) as other:
        ended = other.submit(write_slowly)
        assert written.wait(30)
        early.tags = ["shop"]
        early.save()
        told = [story.after(evaluate_by_clock=False)]
        overtaken.set()
        ended.result()
        told.append(story.after(evaluate_by_clock=False))

    numbers = PortNote.history.order_by("-pk").values_list("port", flat=True)[:2]
    assert list(numbers) == [82, 81]
    assert told == [["1 missing port: 82/tcp on atlas"], ["1 missing port: 81/tcp on atlas"]]


@pytest.mark.django_db(transaction=True)
def test_workers_that_evaluate_at_once_tell_once(story, make_rule):
    if connection.vendor == "sqlite":
        pytest.skip("one connection writes at a time, by the database itself")
    story.look(A)
    make_rule("new_port")
    make_rule("unnoted")
    story.ticks += 1
    reconcile(sweep(A, B, ticks=story.ticks))

    def work(_number):
        evaluate(story.now, by_clock=False, site="")
        connection.close()

    with ThreadPoolExecutor(8) as workers:
        list(workers.map(work, range(16)))

    subjects = sorted(Delivery.objects.values_list("subject", flat=True))
    assert subjects == [
        "[Port Atlas] 1 new port: 81/tcp on atlas",
        "[Port Atlas] 1 unnoted port: 81/tcp on atlas",
    ]


def test_without_rules_an_evaluation_is_one_statement(story, make_rule, django_assert_num_queries):
    make_rule("new_port", is_enabled=False)
    story.look(A)

    with django_assert_num_queries(1):
        evaluate(story.now, by_clock=False, site="")


@pytest.mark.parametrize("ports", [1, 3])
def test_where_nothing_changed_an_evaluation_is_two_statements(
    ports, story, make_rule, django_assert_num_queries
):
    for kind in Rule.Kind:
        make_rule(kind)
    listeners = [listener(1000 + n) for n in range(ports)]
    for _ in range(3):
        story.look(*listeners)

    reconcile(sweep(*listeners, ticks=story.ticks + 1))
    with django_assert_num_queries(2):
        evaluate(story.now + TICK, by_clock=False, site="")


STATEMENTS = {
    # Rules, scene; savepoint, rule, what is no news any more, what was a client's, new hosts, new
    # ports, their matters, what is over, what is due, channels, names, ports with their notes,
    # deliveries, what was over and what was due, progress, release.
    "new_port": 19,
    # ... what fits, its matters, what is over, and the rest.
    "unnoted": 17,
    # ... nothing fits, nothing is due.
    "suspicious": 10,
    "ghost": 10,
    "flapping": 10,
    # ... takeovers, their matters: two statements to write, one to read what is known of them.
    "owner_changed": 19,
    # ... what is known, what is due.
    "silent": 8,
}


@pytest.mark.parametrize("ports", [1, 3])
@pytest.mark.parametrize("kind", STATEMENTS)
def test_a_change_costs_the_same_for_any_number_of_ports(
    kind, ports, story, make_rule, django_assert_num_queries
):
    old = [listener(2000 + n) for n in range(ports)]
    story.look(A, *old)
    make_rule(kind)
    PortNote.objects.create(host_id="*", port=5000)
    story.after()
    taken = [listener(2000 + n, cookie="x", pid=7, name="evil") for n in range(ports)]
    new = [listener(1000 + n) for n in range(ports)]
    reconcile(sweep(A, *taken, *new, ticks=story.ticks + 1))

    with django_assert_num_queries(STATEMENTS[kind]):
        evaluate(story.now + TICK, by_clock=False, site="")
