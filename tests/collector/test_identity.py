"""Which machine a name belongs to: copies that take turns, snapshots, and names handed over."""

from contextlib import suppress

import pytest

from collector.handover import hand_over
from collector.identity import SweepRefusedError
from collector.models import Coverage, Host, HostEvent, PortRuntime
from collector.services import reconcile
from tests.collector.sweeps import TICK, listener, sweep
from tests.conftest import NOON

pytestmark = pytest.mark.django_db


def look(tick, boot_id, **fields):
    return reconcile(sweep(listener(80), ticks=tick, boot_id=boot_id, **fields))


def boots():
    return list(Coverage.objects.order_by("started_at").values_list("boot_id", flat=True))


def test_a_copy_that_takes_turns_with_a_machine_is_refused_and_shown():
    look(0, "of one")
    look(1, "of the copy")
    look(2, "of one")

    for tick in (3, 5, 7):
        with pytest.raises(SweepRefusedError, match="Two machines take turns as 'atlas'"):
            look(tick, "of the copy")
        look(tick + 1, "of one")

    host = Host.objects.get()
    assert boots() == ["of one", "of the copy", "of one"]
    assert HostEvent.objects.count() == 2
    assert (host.boot_id, host.last_look_at) == ("of one", NOON + 8 * TICK)
    assert (host.refused_at, host.refused_reason[:12]) == (NOON + 7 * TICK, "Two machines")


def test_a_machine_that_boots_beside_its_copy_is_another_stretch_and_its_looks_are_none():
    for tick in range(20):
        with suppress(SweepRefusedError):
            look(tick, f"of one, {tick // 10}" if tick % 2 else "of the copy")

    assert boots() == ["of the copy", "of one, 0", "of the copy", "of one, 1", "of the copy"]


def test_a_machine_that_was_set_back_to_a_snapshot_goes_on():
    for tick, boot_id in enumerate(["before", "after", "before", "before", "later"]):
        look(tick, boot_id)

    assert boots() == ["before", "after", "before", "later"]


def test_a_name_that_is_handed_to_and_fro_is_of_whoever_has_it():
    for tick, machine_id in enumerate(["m1", "m2"] * 3):
        hand_over("atlas")
        look(tick, f"of {machine_id}", machine_id=machine_id)

    assert Host.objects.get().machine_id == "m2"


def test_a_machine_without_ss_that_takes_over_a_name_is_believed():
    look(0, "of one")
    hand_over("atlas")

    taken = reconcile(sweep(ticks=1, boot_id="of another", machine_id="m2", source="psutil"))

    assert taken.sweep.verdict == "complete"
    assert PortRuntime.objects.get().current_state == "disappeared"


def test_saved_output_is_of_no_machine_and_its_name_is_handed_to_none():
    reconcile(sweep(listener(80), machine_id="", boot_id="", source="file"))

    hand_over("atlas")

    with pytest.raises(SweepRefusedError, match="saved output and live looks"):
        look(1, "of one")
