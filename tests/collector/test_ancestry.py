"""Who descends from whom: real processes, and made-up ones where no kernel would have them."""

import os
import socket
from dataclasses import replace

import psutil
import pytest

from collector import process, reader
from collector.ancestry import FURTHEST, Ancestry
from collector.look import Watch
from collector.models import PortRuntime
from collector.process import Kin
from collector.services import reconcile
from collector.sweep import Ancestor, Owner, OwnerState
from tests.collector.crowd import child, free_port, rename, told_in
from tests.collector.sweeps import listener, sweep
from tests.conftest import NOON
from tests.tools import require

HOUR = 3600  # seconds

# Says who the ancestors of a child are, and of the first process, in a PID namespace of its own.
INSIDE = """
import json, os
from collector import process
from collector.ancestry import Ancestry
from tests.collector.crowd import child

with child() as pid:
    told = [Ancestry().of(process.read(each)) for each in (pid, os.getpid())]
print(json.dumps([told, process.read(1).name]))
"""

only_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can lend such a place")


def grandchild(**fields):
    """Return a process 7 that started as the third after 5 and 6; its parent is 6."""
    return process.read(os.getpid())._replace(**({"pid": 7, "parent": 6, "started": 3.0} | fields))


def test_the_ancestors_of_a_process_lead_to_the_first_of_all():
    with child() as pid:
        found = Ancestry().of(process.read(pid))
        expected = [each.pid for each in psutil.Process(pid).parents()]

    assert [each.pid for each in found] == expected[:FURTHEST]
    assert found[0] == (os.getpid(), process.read(os.getpid()).name)


def test_of_a_whole_family_each_is_asked_once():
    with child() as one, child() as other:
        ancestry = Ancestry()
        before = ancestry.of(process.read(one))
        ancestry._known[os.getpid()] = ancestry._known[os.getpid()]._replace(name="remembered")

        after = ancestry.of(process.read(other))

    assert after == ((os.getpid(), "remembered"), *before[1:])


def test_a_name_that_a_parent_chose_is_printable():
    def act():
        rename(b"\x1b[31mred")

    with child(act) as pid:
        descendant = grandchild(parent=pid, started=float("inf"))

        assert Ancestry().of(descendant)[0].name == "\\x1b[31mred"


def test_a_parent_that_has_ended_meanwhile_leaves_what_is_known():
    with child() as parent:
        orphan = grandchild(parent=parent, started=float("inf"))
    one, other = Ancestry(), Ancestry({6: Kin("shell", 5, 2.0), 5: None})

    assert one.of(orphan) == ()
    assert other.of(grandchild()) == (Ancestor(6, "shell"),)


def test_a_number_that_was_given_away_is_no_ancestor():
    """N34: nobody descends from what started later."""
    ancestry = Ancestry({6: Kin("shell", 5, 2.0), 5: Kin("thief", 1, 2.5), 1: Kin("init", 0, 0.0)})

    assert ancestry.of(grandchild()) == (Ancestor(6, "shell"),)


@pytest.mark.parametrize("back_to", [5, 6, 7])
def test_a_loop_ends(back_to):
    """Processes of one tick whose numbers wrapped, each read at another moment."""
    ancestry = Ancestry({6: Kin("a", 5, 3.0), 5: Kin("b", back_to, 3.0), 7: Kin("c", 6, 3.0)})

    assert ancestry.of(grandchild()) == (Ancestor(6, "a"), Ancestor(5, "b"))


def test_no_more_than_sixteen_are_told():
    line = {pid: Kin(f"shell {pid}", pid - 1, 1.0) for pid in range(1, 40)}

    found = Ancestry(line).of(grandchild(pid=40, parent=39))

    assert [each.pid for each in found] == list(range(39, 39 - FURTHEST, -1))


@only_root
def test_in_a_pid_namespace_of_ones_own_they_end_at_its_first_process():
    told, name = told_in([require("unshare"), "--pid", "--fork", "--mount-proc"], INSIDE)

    assert told == [[[1, name]], []]


@pytest.mark.parametrize("paths", [reader.PATHS, ()], ids=["ss", "psutil"])
def test_a_look_tells_the_ancestors_of_an_owner_whichever_tool_lists_the_sockets(
    monkeypatch, paths
):
    monkeypatch.setattr(reader, "PATHS", paths)
    opened, port = [], free_port()

    with child(lambda: opened.append(socket.create_server(("127.0.0.1", port)))):
        look = Watch().look("here", at=NOON, timeout=30)

    owner = look.by_key["tcp", port].owner
    parents = [os.getpid(), *(each.pid for each in psutil.Process().parents())]
    assert [each.pid for each in owner.ancestors] == parents[:FURTHEST]


def test_a_steady_look_asks_for_nobodys_ancestors(monkeypatch):
    """It is part of what an owner costs once, and of no look after that."""
    watch = Watch()
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        for _ in range(2):  # the rows of the second have no users any more, and so are new
            watch.look("here", at=NOON, timeout=30, interval=15)
        monkeypatch.setattr(process, "kin", lambda pid: None)

        look = watch.look("here", at=NOON, timeout=30, interval=15)

    owner = look.by_key["tcp", port].owner
    assert owner.ancestors[0].pid == os.getppid()


def descending(*ancestors):
    told = listener(80)
    owner = replace(told.owner, ancestors=tuple(Ancestor(*each) for each in ancestors))
    return replace(told, owner=owner)


def test_that_a_parent_ended_makes_no_sweep_another_one():
    before, after = (sweep(descending((9, "sh"), (1, "init"))), sweep(descending((1, "init"))))

    assert before.listeners[0].fingerprint == after.listeners[0].fingerprint
    assert before.digest == after.digest


@pytest.mark.django_db
def test_the_ancestors_are_kept_with_the_port_and_follow_when_it_is_compared(
    django_assert_num_queries,
):
    """That they are others now is no event, and by itself not even written down."""
    reconcile(sweep(descending((9, "sh"), (1, "init"))))
    row = PortRuntime.objects.get()
    assert row.ancestors == [{"pid": 9, "name": "sh"}, {"pid": 1, "name": "init"}]

    with django_assert_num_queries(1):
        reconcile(sweep(descending((1, "init")), ticks=1))
    row.refresh_from_db()
    assert row.ancestors[0]["pid"] == 9

    reconcile(sweep(descending((1, "init")), ticks=HOUR // 15))
    row.refresh_from_db()
    assert row.ancestors == [{"pid": 1, "name": "init"}]
    assert list(row.events.values_list("event_type", flat=True)) == ["alive", "appeared"]


def test_nobodys_ancestors_are_none():
    assert Owner(OwnerState.UNKNOWN).ancestors == ()
