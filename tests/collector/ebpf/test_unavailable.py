"""Why the kernel tells nobody, each reason for real, and what is left when a stream is killed."""

import ctypes
import os
import re
import shutil
import zipfile
from pathlib import Path

import pytest

from collector.ebpf import libbpf, support
from tests.conftest import CHECKOUT
from tests.tools import require

ASK = """
from collector.ebpf import support
from collector.ebpf.stream import Stream, UnavailableError
print(support.missing())
try:
    Stream()
except UnavailableError as reason:
    print(reason)
"""
BUILD = "The eBPF programs are not built. “manage.py ebpf build” does that.\n"


@pytest.fixture
def ask(start):
    """Return a function that tells what support and stream say, behind a command."""
    return lambda *before, **options: start(ASK, *before, **options).communicate()[0]


@pytest.fixture
def ask_in_mounts(start):
    """The same, with mounts of its own after a script that changes them."""

    def ask_in_mounts(script, *options):
        unshare = (require("unshare"), "--mount", *options, "sh", "-ec")
        return start(ASK, *unshare, f'{script}\nexec "$0" "$@"').communicate()[0]

    return ask_in_mounts


def test_where_all_is_there_nothing_is_missing(ask):
    assert ask() == "\n"


def test_without_privileges_it_says_which_are_missing(ask):
    unprivileged = (require("setpriv"), "--bounding-set=-bpf,-perfmon,-sys_admin")

    reason = "The privileges CAP_BPF, CAP_PERFMON are missing. Grant them, or run as root.\n"
    assert ask(*unprivileged) == 2 * reason


def test_three_privileges_are_enough(ask):
    three = "--bounding-set=-all,+bpf,+net_admin,+perfmon"

    assert ask(require("setpriv"), three) == "\n"


def test_in_a_user_namespace_no_privilege_counts(ask):
    reason = (
        "In a user namespace no privilege counts for eBPF. "
        "Start the container without one, not rootless.\n"
    )
    assert ask(require("unshare"), "--user", "--map-root-user") == 2 * reason


def test_without_control_groups_of_version_2_it_says_so(ask_in_mounts):
    reason = "Control groups of version 2 are missing. Mount them: mount -t cgroup2.\n"
    assert ask_in_mounts("umount --all --lazy --types cgroup2") == 2 * reason


def test_a_part_of_the_control_groups_is_not_enough(ask_in_mounts, tmp_path):
    part = Path(support.cgroup_root(), f"portatlas-{os.getpid()}")
    part.mkdir()
    try:
        told = ask_in_mounts(f"""
            echo $$ > {part}/cgroup.procs
            exec unshare --cgroup sh -ec '
                umount --lazy {support.cgroup_root()}
                mount -t cgroup2 none {tmp_path}
                exec "$0" "$@"' "$0" "$@"
        """)
    finally:
        part.rmdir()

    reason = (
        "Only a part of the control groups is visible here. "
        "Start the container with --cgroupns=host.\n"
    )
    assert told == 2 * reason


def test_without_libbpf_it_says_what_to_install(ask_in_mounts):
    libbpf.library()
    loaded = Path("/proc/self/maps").read_text(encoding="utf-8")
    file = re.search(r"(/\S+/libbpf\.so\.1\S*)", loaded)[1]

    reason = "libbpf 1 is missing. Debian, Ubuntu: apt install libbpf1.\n"
    assert ask_in_mounts(f"mount --bind /dev/null {file}") == 2 * reason


def test_without_the_programs_it_says_how_to_build_them(ask, tmp_path):
    leave_out = shutil.ignore_patterns(support.OBJECT, "__pycache__")
    shutil.copytree(CHECKOUT / "collector", tmp_path / "collector", ignore=leave_out)

    assert ask(cwd=tmp_path) == 2 * BUILD


def test_the_programs_are_found_in_a_zip(start, tmp_path):
    archive = tmp_path / "agent.pyz"
    with zipfile.ZipFile(archive, "w") as file:
        for path in (CHECKOUT / "collector").rglob("*"):
            if path.suffix in {".py", ".o"}:
                file.write(path, path.relative_to(CHECKOUT))
    inside = f"import sys; sys.path[0] = {str(archive)!r}\n{ASK}"

    told = start(f"{inside}print(support.__file__)", cwd=tmp_path).communicate()[0]

    assert told == f"\n{archive}/collector/ebpf/support.py\n"


# A filter of seccomp, as a container's engine or systemd sets it up. BPF: what is asked for, where
# to go on if it is so, and if not; it ends by EPERM, or by letting the call go through.
FORBID = """
import ctypes, os
from collector.ebpf import libbpf, stream
libbpf.library()
LOAD, IS, HAS, END, EPERM, GO_ON = 0x20, 0x15, 0x45, 0x06, 0x50001, 0x7FFF0000
machine = os.uname().machine
filters = {filters}
Filter = type("Filter", (ctypes.Structure,), {{"_fields_": [
    ("code", ctypes.c_ushort), ("jt", ctypes.c_ubyte), ("jf", ctypes.c_ubyte), ("k", ctypes.c_uint)
]}})
Program = type("Program", (ctypes.Structure,), {{"_fields_": [
    ("len", ctypes.c_ushort), ("filter", ctypes.POINTER(Filter))
]}})
PR_SET_SECCOMP, SECCOMP_MODE_FILTER = 22, 2
program = Program(len(filters), (Filter * len(filters))(*filters))
assert not ctypes.CDLL(None).prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, ctypes.byref(program), 0, 0)
"""
BPF = """[
    (LOAD, 0, 0, 0), (IS, 0, 1, {"x86_64": 321, "aarch64": 280}[machine]),
    (END, 0, 0, EPERM), (END, 0, 0, GO_ON),
]"""
MMAP_OF_CODE = """[
    (LOAD, 0, 0, 0), (IS, 0, 3, {"x86_64": 9, "aarch64": 222}[machine]),
    (LOAD, 0, 0, 32), (HAS, 0, 1, 4), (END, 0, 0, EPERM), (END, 0, 0, GO_ON),
]"""


def test_a_kernel_that_refuses_is_told_from_missing_privileges(start):
    told = start(FORBID.format(filters=BPF) + ASK).communicate()[0]

    reason = (
        "The kernel does not permit eBPF here, although the privileges are there. "
        "The seccomp profile of the container has to permit bpf(2).\n"
    )
    assert told == f"\n{reason}"


def test_where_no_code_may_be_made_it_says_so(start):
    """An old libffi makes some for what libbpf calls; a new one maps what it has."""
    told = start(FORBID.format(filters=MMAP_OF_CODE) + ASK).communicate()[0]

    reason = (
        "libffi may not make memory executable here. It takes version 3.4 or newer, or a service "
        "without MemoryDenyWriteExecute=.\n"
    )
    assert told == f"\n{reason}"


HOOKS = (3, 12, 13, 34)  # linux/bpf.h: BPF_CGROUP_SOCK_OPS, _INET{4,6}_POST_BIND, _SOCK_RELEASE


def attached():
    """Return the ids of the programs that are attached where a stream attaches its own."""
    root = os.open(support.cgroup_root(), os.O_RDONLY)
    found = set()
    for hook in HOOKS:
        ids, flags, count = (ctypes.c_uint32 * 64)(), ctypes.c_uint32(), ctypes.c_uint32(64)
        query = (root, hook, 0, ctypes.byref(flags), ids, ctypes.byref(count))
        assert libbpf.library().bpf_prog_query(*query) == 0
        found.update(ids[: count.value])
    os.close(root)
    return found


@pytest.mark.parametrize("end", ["kill", "terminate"])
def test_of_a_stream_that_is_killed_nothing_is_left(start, end):
    streaming = start(
        "import sys; from collector.ebpf.stream import Stream; stream = Stream();"
        "print('ready', flush=True); sys.stdin.read()"
    )
    streaming.stdout.readline()
    files = Path(f"/proc/{streaming.pid}/fdinfo").iterdir()
    about = " ".join(each.read_text(encoding="ascii") for each in files if each.exists())
    programs = {int(each) for each in re.findall(r"prog_id:\s+(\d+)", about)}
    assert len(programs & attached()) == len(HOOKS)

    getattr(streaming, end)()
    streaming.wait()

    assert programs & attached() == set()
