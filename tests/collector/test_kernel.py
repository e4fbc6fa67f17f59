"""Listeners of the kernel: real ones in a network namespace, others by a tree of evidence."""

import json
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from collector import kernel
from collector.sweep import Protocol
from tests.collector.crowd import child, rename
from tests.tools import require

TCP, UDP = Protocol
CHECKOUT = Path(__file__).parents[2]

# Runs in a network namespace of its own: two tunnels, and a process on a third port.
SCRIPT = """
import json, socket, subprocess
from collector import kernel, ss
from collector.sweep import Protocol
from collector.tool import run

def told():
    names = {port: listener(Protocol.UDP, port) for port in [4789, 8473, 8474]}
    return names | {"tcp": listener(Protocol.TCP, 4789)}

def listener(protocol, port):
    return kernel.listener(protocol, port, kernel.Evidence(), is_unheld=True)

kernel.SYS = "/nowhere"  # whether the module is loaded, or built in, is another matter
before = told()
for number, port in enumerate([4789, 8473]):
    link = f"vx{number}"
    add = f"ip link add {link} type vxlan id {number} dstport {port} local 127.0.0.1 dev lo"
    subprocess.run(add.split(), check=True)
    subprocess.run(["ip", "link", "set", link, "up"], check=True)
with socket.socket(type=socket.SOCK_DGRAM) as sock:
    sock.bind(("127.0.0.1", 8474))
    listed = ss.parse(run("@ss", "-lntupHe", timeout=10)).sockets
    after = told()
print(json.dumps([before, after, {each.port: len(each.users) for each in listed}]))
"""


def listener(protocol, port, *, is_unheld=True):
    return kernel.listener(protocol, port, kernel.Evidence(), is_unheld=is_unheld)


@pytest.fixture
def tree(tmp_path, monkeypatch):
    """Return a function that makes a machine of these files and kernel threads."""
    monkeypatch.setattr(kernel, "PROC", str(tmp_path / "proc"))
    monkeypatch.setattr(kernel, "SYS", str(tmp_path / "sys"))
    monkeypatch.setattr(kernel, "IP", [])

    def tree(files=(), threads=(), flags=0x208040):
        told = dict(files)
        for pid, name in enumerate(threads, 70):
            told[f"proc/{pid}/stat"] = f"{pid} ({name}) S 2 0 0 0 -1 {flags} 0 0 0 0\n"
        for path, text in told.items():
            file = tmp_path / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text)

    return tree


@pytest.fixture
def links(tmp_path, monkeypatch):
    """Return a function that has `ip` tell of these interfaces."""

    def links(output):
        path = tmp_path / "ip"
        (tmp_path / "links").write_text(output)
        path.write_text(f"#!/bin/sh\nexec cat {tmp_path}/links\n")
        path.chmod(path.stat().st_mode | stat.S_IXUSR)
        monkeypatch.setattr(kernel, "IP", [str(tmp_path / "missing"), str(path)])

    return links


def test_a_real_vxlan_is_named_whatever_its_port_and_only_where_it_is():
    """N45: its socket has an inode and nobody holds it."""
    script = SCRIPT.replace("@ss", require("ss"))
    require("ip")
    command = [require("unshare"), "--net", sys.executable, "-c", script]
    if os.geteuid():
        command[1:1] = ["--map-root-user"]

    done = subprocess.run(  # noqa: S603  # our own script
        command, capture_output=True, text=True, check=False, cwd=CHECKOUT
    )
    if done.returncode and ("not permitted" in done.stderr or "not supported" in done.stderr):
        pytest.skip("this kernel lends us no network namespace, or has no VXLAN")

    assert done.returncode == 0, done.stderr
    before, after, users = json.loads(done.stdout)
    assert before == {"4789": "", "8473": "", "8474": "", "tcp": ""}
    assert after == {"4789": "vxlan", "8473": "vxlan", "8474": "", "tcp": ""}
    assert users == {"4789": 0, "8473": 0, "8474": 1}


@pytest.mark.parametrize(
    ("protocol", "port", "thread", "name"),
    [
        (TCP, 2049, "nfsd", "nfsd"),
        (UDP, 2049, "nfsd", "nfsd"),
        (TCP, 445, "ksmbd-eth0", "ksmbd"),
        (TCP, 3260, "iscsi_np", "iscsi target"),
        (TCP, 4420, "kworker/R-nvmet", "nvme target"),
        (TCP, 7789, "drbd_r_home", "drbd"),
        (TCP, 7777, "o2net", "ocfs2"),
        (TCP, 21064, "dlm_io", "dlm"),
        (UDP, 7001, "krxrpcio/7001", "rxrpc"),
        (UDP, 8848, "ipvs-b:0:0", "ipvs"),
    ],
)
def test_a_port_is_the_kernels_where_the_thread_for_it_runs(tree, protocol, port, thread, name):
    """N45; and is nobody's while there are other threads only."""
    tree(threads=["kthreadd", "a) S 2 (b"])
    without = listener(protocol, port)
    tree(threads=["kthreadd", "a) S 2 (b", thread])

    assert (without, listener(protocol, port)) == ("", name)


def test_a_thread_speaks_for_its_own_port_only(tree):
    """N45."""
    tree(threads=["nfsd", "iscsi_np"])

    assert listener(TCP, 2050) == ""
    assert listener(UDP, 3260) == ""


def test_a_process_with_the_name_of_a_thread_is_no_evidence(tree):
    """N45: only the kernel's own threads have the flag."""
    tree(threads=["nfsd", "x) S 2 0 0 0 -1 2097152 ("], flags=0x400040)

    assert listener(TCP, 2049) == ""


def test_a_real_process_that_calls_itself_nfsd_is_no_evidence():
    """N45."""
    with child(lambda: rename(b"nfsd-of-a-liar")) as pid:
        assert kernel._read(f"proc/{pid}/stat").split()[1] == b"(nfsd-of-a-liar)"
        assert b"nfsd-of-a-liar" not in list(kernel._threads())


def test_nfsd_lists_its_ports_itself(tree):
    """N45: wherever it was told to listen."""
    tree({"proc/fs/nfsd/portlist": "rdma 20049\ntcp 20050\nudp 20050\ntcp 20050\n"})

    assert listener(TCP, 20050) == listener(UDP, 20050) == "nfsd"
    assert listener(TCP, 20049) == listener(TCP, 2005) == ""


@pytest.mark.parametrize(
    ("setting", "protocol", "thread", "name"),
    [
        ("proc/sys/fs/nfs/nlm_tcpport", TCP, "lockd", "lockd"),
        ("proc/sys/fs/nfs/nlm_udpport", UDP, "lockd", "lockd"),
        ("sys/module/nfs/parameters/callback_tcpport", TCP, "nfsv4.0-svc", "nfs callback"),
    ],
)
def test_a_port_that_the_kernel_chose_is_set_or_ephemeral(tree, setting, protocol, thread, name):
    """N45: lockd and the call-backs of NFS 4.0."""
    tree({setting: "32803\n"})
    without = listener(protocol, 32803)
    tree(threads=[thread])
    is_set = [listener(protocol, port) for port in (32803, 32804)]
    tree({setting: "0\n"})
    chosen = [listener(protocol, port) for port in (40000, 1024)]

    assert without == ""
    assert is_set == chosen == [name, ""]


def test_a_module_that_is_loaded_on_demand_is_evidence_and_one_built_in_is_not(tree):
    """N45: Docker Swarm moves the interface away and leaves the socket."""
    tree({"sys/module/vxlan/parameters/udp_port": "8472"})
    built_in = listener(UDP, 4789)
    tree({"sys/module/vxlan/initstate": "live\n"})

    assert (built_in, listener(UDP, 4789), listener(TCP, 4789)) == ("", "vxlan", "")


def test_a_tunnel_is_named_by_its_port_and_wireguard_by_being_there(tree, links):
    """N45: the port of WireGuard is told by netlink alone."""
    tree()
    geneve = {"linkinfo": {"info_kind": "geneve", "info_data": {"port": 6082}}}
    links(json.dumps([{"ifname": "lo"}, geneve, {"linkinfo": {"info_kind": "bridge"}}]))
    without = [listener(UDP, port) for port in (6082, 51820)]
    links(json.dumps([geneve, {"linkinfo": {"info_kind": "wireguard"}}]))

    assert without == ["geneve", ""]
    assert [listener(UDP, port) for port in (6082, 51820)] == ["geneve", "wireguard"]
    assert listener(TCP, 51820) == ""
    assert listener(UDP, 51820, is_unheld=False) == ""  # some process may hold it unseen


@pytest.mark.parametrize(
    "output",
    [
        "",
        "{}",
        "null",
        "[" * 100_000,
        "[1, null, [], {}]",
        '[{"linkinfo": null}, {"linkinfo": {"info_kind": []}}]',
        '[{"linkinfo": {"info_kind": "vxlan", "info_data": []}}]',
        '[{"linkinfo": {"info_kind": "vxlan", "info_data": {"port": [4789]}}}]',
    ],
)
def test_an_ip_that_talks_nonsense_names_nothing(tree, links, output):
    tree()
    links(output)

    assert listener(UDP, 4789) == ""


def test_a_machine_without_proc_sys_and_ip_names_nothing(tree):
    assert {listener(protocol, 2049) for protocol in Protocol} == {""}
