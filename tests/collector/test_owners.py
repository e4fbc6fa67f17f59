"""Who is named as the owner of a port: real kernels, namespaces and engines; else plain values."""

import os
import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from collector import process, ss, units
from collector.ancestry import Ancestry
from collector.containers import Container, Containers
from collector.owners import Outside, excuse, leader_of, missing_state, owner_of, visibility
from collector.process import Kin, Process
from collector.sweep import Ancestor, Owner, OwnersSeen, OwnerState, Protocol, Role
from tests.collector import engines
from tests.collector.crowd import CHECKOUT, NOBODY, Crowd, child, free_port, told_in
from tests.tools import require

DATA = Path(__file__).parent.parent / "data" / "systemd"
BOOT = datetime(2026, 1, 1, tzinfo=UTC)
TCP, UDP = Protocol
NOTHING = Outside(Containers(), {})  # no engine and no systemd is asked
BUSYBOX = "0123456789ab" * 5 + "cdef"

# Looks at this machine twice, the second time with the cache, and prints one port of each look.
LOOK = """
import json, sys
from datetime import UTC, datetime
from collector import containers
from collector.look import Watch

containers.SOCKETS = tuple({engines})
containers.OWN_SOCKETS = ()
watch = Watch()
sweeps = [watch.look("here", at=datetime.now(UTC), timeout=30, interval=15) for _ in range(2)]
print(json.dumps([sweep.as_json() for sweep in sweeps]))
"""

# What is known of a real vxlan on a port of its own choice, and of no vxlan.
VXLAN = """
import json, socket, subprocess
from collector import ss
from collector.owners import Outside, owner_of
from collector.sweep import OwnerState
from collector.tool import run

add = "ip link add vx0 type vxlan id 1 dstport 8473 local 127.0.0.1 dev lo"
subprocess.run(add.split(), check=True)
subprocess.run("ip link set vx0 up".split(), check=True)
[vxlan] = ss.parse(run("@ss", "-lntupHe", timeout=30)).sockets
told = [
    owner_of([each], [], booted_at=None, missing=missing, outside=Outside())
    for missing in (OwnerState.UNKNOWN, OwnerState.NOT_PERMITTED)
    for each in (vxlan, vxlan._replace(port=8474))
]
named = [(each.state, each.process_name) for each in told]
print(json.dumps([vxlan.port, bool(vxlan.inode), named]))
"""

# A /proc of its own (a mount alone would change that of everybody) that shows only one's own.
HIDEPID = 'mount -t proc -o hidepid=2 proc /proc && exec "$@"'

only_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can lend such a place")


def holder(pid=100, **fields):
    known = {
        "started": float(pid),
        "parent": 1,
        "name": "server",
        "exe": "/usr/sbin/server",
        "exe_is_deleted": False,
        "cmdline": "server -D",
        "user": "web",
        "cgroup": "",
        "signature": (),
    }
    return Process(pid=pid, **(known | fields))


SYSTEMD = holder(1, parent=0, name="systemd", exe="/usr/lib/systemd/systemd", cgroup="/init.scope")


def rows(port, protocol=TCP):
    """Return what a real ss listed on this port beside a real systemd."""
    reading = ss.parse((DATA / "debian12-252.ss-lntupHe.txt").read_bytes())
    return [each for each in reading.sockets if (each.protocol, each.port) == (protocol, port)]


def owner(*holders, group=None, outside=NOTHING, missing=OwnerState.UNKNOWN):
    group = group or [each._replace(cgroup="") for each in rows(24001)]
    return owner_of(group, holders, booted_at=BOOT, missing=missing, outside=outside)


def systemd(moment="idle"):
    """Return what a real systemd told of its socket units."""
    return Outside(Containers(), units.parse((DATA / f"debian12-252.{moment}.txt").read_bytes()))


def look_from(engines=()):
    return LOOK.format(engines=engines)


def of_port(sweep, port):
    [found] = [each for each in sweep["listeners"] if each["port"] == port]
    return found


@pytest.fixture(scope="module")
def crowd(tmp_path_factory):
    with Crowd(tmp_path_factory.mktemp("crowd")) as crowd:
        yield crowd


@pytest.fixture
def port(crowd):
    """A port on which another process listens."""
    actor, port = crowd.start(), free_port()
    cookie = actor.open("tcp", "127.0.0.1", port)
    yield port
    actor.close(cookie)


@pytest.mark.parametrize(
    ("holders", "leader"),
    [
        ([holder(7, parent=5), holder(6, parent=5), holder(5)], 5),
        ([holder(5, started=9.0), holder(6, parent=5, started=9.0)], 5),
        ([holder(6, parent=900, started=9.0), holder(900, started=9.0)], 900),
        ([holder(7, parent=6), holder(6, parent=5), holder(5)], 5),
        ([holder(900, parent=1, started=2.0), holder(5, parent=1, started=3.0)], 900),
        ([holder(7, parent=1), holder(6, parent=5), holder(5)], 5),
        ([], None),
    ],
    ids=["master", "same tick", "wrapped", "grandchild", "strangers", "orphan", "nobody"],
)
def test_the_ancestor_leads_whatever_the_order(holders, leader):
    """N17: ss lists the youngest first; PIDs wrap, and a clock tick is long."""
    for each in (holders, holders[::-1]):
        found = leader_of(each)

        assert (found and found.pid) == leader


def test_a_real_master_leads_workers_of_its_own_tick():
    """N17: all forked as fast as can be."""
    with child() as one, child() as other:
        pids = [other, one, os.getpid()]

        assert leader_of([process.read(pid) for pid in pids]).pid == os.getpid()


def test_all_holders_are_told_the_leader_first():
    """N18."""
    found = owner(holder(9, parent=5), holder(5), holder(7, parent=5))

    assert found.pids == (5, 7, 9)


def test_an_owner_is_all_that_its_leader_is():
    found = owner(
        holder(
            5,
            started=1.5,
            exe_is_deleted=True,
            cgroup="/system.slice/web.service",
            cmdline="server --password=***",
        ),
        outside=Outside(Containers(), {}, ancestry=Ancestry({1: Kin("init", 0, 0.1)})),
    )

    assert found == Owner(
        OwnerState.KNOWN,
        pids=(5,),
        process_name="server",
        cmdline="server --password=***",
        exe="/usr/sbin/server",
        user="web",
        exe_is_deleted=True,
        started_at=BOOT + timedelta(seconds=1.5),
        unit="web.service",
        ancestors=(Ancestor(1, "init"),),
    )


def test_what_systemd_holds_alone_is_a_socket_unit():
    """N46: the service that will start with the first client."""
    found = owner(SYSTEMD, group=rows(24001), outside=systemd())

    assert (found.process_name, found.role) == ("systemd", Role.SOCKET_UNIT)
    assert (found.socket_unit, found.unit) == ("probe-idle.socket", "probe-idle.service")


@pytest.mark.parametrize("started", [0.5, 24.0])
def test_what_systemd_handed_on_is_the_services(started):
    """N46: both hold it from the first client on; systemd speaks for nobody but itself."""
    service = holder(24, parent=1, started=started, name="sleep", exe="/usr/bin/sleep")

    found = owner(SYSTEMD, service, group=rows(24004), outside=systemd("busy"))

    assert (found.process_name, found.pids, found.role) == ("sleep", (24, 1), Role.SERVER)
    assert (found.socket_unit, found.unit) == ("probe-active.socket", "probe-active.service")


def test_what_the_manager_of_a_user_holds_names_its_unit_by_the_socket():
    """N46: the system's manager does not know it, and its own is not asked."""
    group = rows(24013)
    manager = holder(80, name="systemd", exe="/usr/lib/systemd/systemd", cgroup="/user@0.service")

    found = owner(manager, group=group, outside=systemd())

    assert (found.role, found.socket_unit, found.unit) == (Role.SOCKET_UNIT, "mine.socket", "")


@only_root
def test_a_socket_of_the_kernel_is_the_kernels_and_named():
    """N45: a real VXLAN, with an inode that nobody holds; and the same beside it is unknown."""
    require("ip")
    port, has_inode, told = told_in(
        [require("unshare"), "--net"], VXLAN.replace("@ss", require("ss"))
    )

    assert (port, has_inode) == (8473, True)
    assert told == [
        ["kernel", "vxlan"],
        ["unknown", ""],
        ["kernel", "vxlan"],
        ["not_permitted", ""],
    ]


def test_a_socket_without_inode_is_the_kernels():
    """N45."""
    group = [each._replace(inode=0) for each in rows(24001)]

    assert owner(group=group, missing=OwnerState.NOT_PERMITTED).state == OwnerState.KERNEL


@only_root
def test_a_holder_in_another_pid_namespace_is_outside_the_view(port):
    """N35: the ports are all there."""
    place = [require("unshare"), "--pid", "--fork", "--mount-proc"]

    for sweep in told_in(place, look_from()):
        assert of_port(sweep, port)["owner_state"] == OwnerState.OUTSIDE_VIEW
        assert sweep["owners_seen"] != OwnersSeen.ALL
        assert "outside the collector's PID namespace" in sweep["owners_reason"]


@only_root
def test_root_without_the_right_capability_is_told_that_it_is_not_permitted(port):
    """N30: root in a container."""
    place = [require("setpriv"), "--bounding-set=-sys_ptrace", "--inh-caps=-sys_ptrace"]

    for sweep in told_in(place, look_from()):
        assert of_port(sweep, port)["owner_state"] == OwnerState.NOT_PERMITTED
        assert "may not be looked into even by root" in sweep["owners_reason"]


@only_root
def test_where_proc_hides_the_processes_of_others_nobody_is_blamed(port):
    """N31: hidepid=2; a look around finds nothing that is refused, for it finds nothing at all."""
    place = [require("unshare"), "--mount", "sh", "-c", HIDEPID, "sh"]
    read = "dac_read_search"  # Python's own files may not be for everybody
    caps = (f"--inh-caps=+{read}", f"--ambient-caps=+{read}")
    drop = (require("setpriv"), f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups", *caps)

    for sweep in told_in([*place, *drop], look_from()):
        assert of_port(sweep, port)["owner_state"] == OwnerState.NOT_PERMITTED
        assert "run the collector as root" in sweep["owners_reason"]


def test_no_process_that_comes_or_goes_changes_the_excuse():
    """N29: it is a fact that is recorded when it changes, and a busy machine forks all the time."""
    assert excuse({1}) == excuse({1, 2}) != excuse(())


def test_nobody_is_blamed_where_somebody_may_be_hidden():
    """N29, N30, N35."""
    unseen = OwnerState.OUTSIDE_VIEW if process.is_in_pid_namespace() else OwnerState.UNKNOWN

    assert missing_state({1}) == OwnerState.NOT_PERMITTED
    assert missing_state(()) == unseen


@pytest.mark.parametrize(
    ("states", "seen"),
    [
        ("known kernel unknown pending", OwnersSeen.ALL),
        ("known not_permitted", OwnersSeen.SOME),
        ("outside_view known", OwnersSeen.SOME),
        ("not_permitted outside_view", OwnersSeen.NONE),
        ("", OwnersSeen.ALL),
    ],
)
def test_how_many_owners_were_seen_is_told(states, seen):
    """N29: for a look as a whole."""
    told, reason = visibility([Owner(OwnerState(each)) for each in states.split()], "why")

    assert told == seen
    assert bool(reason) == (seen != OwnersSeen.ALL)


def test_a_running_program_whose_file_was_deleted_is_flagged(crowd):
    copy = Path(crowd.server).with_name("gone")
    shutil.copy(crowd.server, copy)
    actor, port = crowd.start(str(copy)), free_port()
    actor.open("tcp", "127.0.0.1", port)

    copy.unlink()

    for sweep in told_in([], look_from()):
        told = of_port(sweep, port)
        assert (told["exe"], told["exe_is_deleted"], told["pids"]) == (str(copy), True, [actor.pid])


WEB = Container("0123456789ab", "web", "nginx:1", "shop/web")


def publishing(port):
    return Outside(Containers({WEB.id: WEB}, {(TCP, port): [("0.0.0.0", WEB)]}), {})


@pytest.mark.parametrize(
    ("name", "role"),
    [("docker-proxy", Role.PROXY), ("dockerd", Role.SERVER), ("rootlessport", Role.PROXY)],
)
def test_a_proxy_without_a_container_is_a_proxy_and_an_engine_listens_for_itself(name, role):
    """N47, N50: what is not known is left out, and the program shown."""
    found = owner(holder(name=name, exe=f"/usr/bin/{name}"))

    assert (found.process_name, found.role, found.container_name) == (name, role, "")


def test_an_engine_that_publishes_is_a_proxy():
    """N47: of old, dockerd itself held the ports."""
    [row] = rows(24006)
    found = owner(
        holder(name="dockerd", exe="/usr/bin/dockerd"), group=[row], outside=publishing(24006)
    )

    assert (found.role, found.container_name, found.image) == (Role.PROXY, "web", "nginx:1")


def test_a_container_that_no_engine_tells_of_has_its_id():
    found = owner(holder(cgroup=f"/system.slice/docker-{BUSYBOX}.scope"))

    assert (found.container, found.container_name, found.role) == ("0123456789ab", "", Role.SERVER)


@pytest.mark.parametrize(
    ("fields", "role"),
    [
        ({"name": "ssh", "exe": "/usr/bin/ssh"}, Role.TUNNEL),
        ({"name": "sshd", "exe": "/usr/sbin/sshd", "cmdline": "sshd: ann"}, Role.TUNNEL),
        ({"name": "sshd", "exe": "/usr/sbin/sshd", "cmdline": "/usr/sbin/sshd -D"}, Role.SERVER),
        ({"name": "docker-proxy", "exe": "/tmp/liar"}, Role.SERVER),  # noqa: S108  # a name, no file
    ],
)
def test_the_part_that_a_process_plays_is_told(fields, role):
    """N54; and N28: a name alone makes no proxy."""
    assert owner(holder(**fields)).role == role


@pytest.fixture(scope="module")
def podman():
    with engines.podman() as engine:
        compose = (
            "--label=com.docker.compose.project=shop",
            "--label=com.docker.compose.service=web",
        )
        engine.start("web", "--publish=127.0.0.1:8080:80", *compose)
        engine.start("host", "--network=host", command="httpd -f -p 127.0.0.1:8083")
        engines.serve_podman(engine)
        enter = [*engine._enter, "env", f"PYTHONPATH={CHECKOUT}"]
        yield told_in(enter, look_from([engine.socket])), engine


def test_a_published_port_is_the_containers_and_not_the_proxys(podman):
    """N47, N50: with the cache and without."""
    sweeps, engine = podman
    short = engine.do("inspect", "--format={{.Id}}", "web")[:12]

    for sweep in sweeps:
        told = of_port(sweep, 8080)
        assert (told["container"], told["container_name"]) == (short, "web")
        assert (told["image"], told["compose_service"]) == (engines.IMAGE, "shop/web")
        assert (told["role"], told["process_name"]) == (Role.PROXY, "conmon")


def test_a_container_on_the_hosts_network_is_told_once(podman):
    """N53: the socket is its own, and the engine has a name for it."""
    sweeps, engine = podman
    short = engine.do("inspect", "--format={{.Id}}", "host")[:12]

    for sweep in sweeps:
        told = of_port(sweep, 8083)
        assert (told["container"], told["container_name"]) == (short, "host")
        assert (told["role"], told["process_name"]) == (Role.SERVER, "busybox")
        assert len(told["endpoints"]) == 1
