from datetime import timedelta
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from collector import retention
from collector.models import PortEvent, PortRuntime
from notes.models import PortNote
from portatlas.contexts.reservations import retention as of_reservations
from portatlas.contexts.reservations.models import ReservationEvent


@pytest.fixture
def events(open_port, write_note):
    """One port with a note, and events of 400, 366 and 364 days ago."""
    port = open_port(80)
    write_note(80)
    for days in (400, 366, 364):
        PortEvent.objects.create(
            port_runtime=port, event_type="alive", timestamp=timezone.now() - timedelta(days=days)
        )


def prune(*arguments):
    out = StringIO()
    call_command("prune", *arguments, stdout=out)
    return out.getvalue()


def test_only_old_events_are_deleted(events):
    assert prune() == "Deleted 2 events older than 365 days.\n"

    assert PortEvent.objects.count() == 1
    assert (PortRuntime.objects.count(), PortNote.objects.count()) == (1, 1)


def test_old_events_of_a_host_are_deleted_too(events):
    host = PortRuntime.objects.get().host
    for days in (366, 364):
        at = timezone.now() - timedelta(days=days)
        host.events.create(event_type="rebooted", timestamp=at)

    assert prune() == "Deleted 3 events older than 365 days.\n"

    assert host.events.count() == 1


def test_old_lines_of_a_journal_are_deleted_too(events):
    host = PortRuntime.objects.get().host
    for days in (366, 364):
        at = timezone.now() - timedelta(days=days)
        host.transients.create(protocol="tcp", port=80, opened_at=at, closed_at=at)

    assert prune() == "Deleted 3 events older than 365 days.\n"

    assert host.transients.count() == 1


@pytest.fixture
def line(db):
    """Return a function that writes a line of the history of a port's reservations."""

    def line(days, port=8080):
        return ReservationEvent.objects.create(
            host_id="atlas",
            port=port,
            action="reserved",
            project="shop",
            at=timezone.now() - timedelta(days=days),
        )

    return line


def test_old_lines_about_reservations_are_deleted_too(events, line):
    for days in (366, 364):
        line(days)

    assert prune() == "Deleted 3 events older than 365 days.\n"

    assert ReservationEvent.objects.count() == 1


def test_the_last_line_of_what_is_still_reserved_stays(line, reserved):
    reserved(8080)
    reserved(8081)
    lines = [line(days) for days in (400, 390)] + [line(400, port=8081), line(10, port=8081)]
    line(400, port=8082)

    assert prune("--dry-run").startswith("3 events")
    assert prune() == "Deleted 3 events older than 365 days.\n"

    assert set(ReservationEvent.objects.all()) == {lines[1], lines[3]}


def test_it_goes_on_until_the_last_batch_of_lines(line, monkeypatch):
    monkeypatch.setattr(of_reservations, "PRUNED_AT_ONCE", 1)
    for days in (400, 390, 380):
        line(days)

    assert prune() == "Deleted 3 events older than 365 days.\n"


def test_a_dry_run_only_counts(events):
    assert prune("--dry-run").startswith("2 events")

    assert PortEvent.objects.count() == 3


def test_it_goes_on_until_the_last_batch(events, monkeypatch):
    monkeypatch.setattr(retention, "PRUNED_AT_ONCE", 1)

    assert prune("--days", "1") == "Deleted 3 events older than 1 days.\n"


@pytest.mark.parametrize("days", ["0", "-1", "99999999"])
def test_an_impossible_age_is_refused(days, events):
    with pytest.raises(CommandError, match="1 to 36500"):
        prune("--days", days)

    assert PortEvent.objects.count() == 3
