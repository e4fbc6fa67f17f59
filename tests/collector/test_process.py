"""What /proc says about real processes, nasty ones among them."""

import mmap
import os
import shutil
import socket
import subprocess
import sys
import threading
from contextlib import closing
from pathlib import Path

import psutil
import pytest

from collector import process
from collector.kernel import KERNEL_THREAD
from tests.collector.crowd import child, rename, told_by_nobody
from tests.tools import require

NEVER = 2**22 + 1  # no kernel gives a PID so high
LAST_PID = "/proc/sys/kernel/ns_last_pid"
NAMES = [
    (b"next (v16.1.1)", "next (v16.1.1)"),
    (b"a) S 1 (b", "a) S 1 (b"),
    (b")", ")"),
    (b"(sd-pam)", "(sd-pam)"),
    (b'x",pid=1,fd=3)', 'x",pid=1,fd=3)'),
    (b"two\nlines", "two\\nlines"),
    (b"\nUid:\t0\t0", "\\nUid:\\t0\\t0"),
    (b"caf\xc3\xa9", "café"),
    (b"\xff\xfe", "\\xff\\xfe"),
    (b"\x1b[31mred", "\\x1b[31mred"),
    (b"longer than fifteen", "longer than fif"),
    (b"", ""),
]

only_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")


@pytest.fixture
def run():
    """Return a function that starts a program and returns it once it runs."""
    running = []

    def run(exe, *arguments):
        running.append(subprocess.Popen([exe, *arguments]))  # noqa: S603  # written below
        pid = running[-1].pid
        while not process._bytes(f"/proc/{pid}/cmdline"):  # still on its way through exec
            pass
        return pid

    yield run
    for each in running:
        each.kill()
        each.wait()


def test_a_process_is_read_as_it_is(run):
    sleep = Path(require("sleep")).resolve()

    pid = run(str(sleep), "600")

    found = process.read(pid)
    assert (found.pid, found.parent) == (pid, os.getpid())
    assert (found.name, found.exe, found.exe_is_deleted) == (sleep.name[:15], str(sleep), False)
    assert found.cmdline == f"{sleep} 600"
    assert found.user == psutil.Process(pid).username()
    assert process.is_unchanged(found)


def test_its_start_is_that_which_psutil_tells(run):
    pid = run(require("sleep"), "600")

    started = psutil.boot_time() + process.read(pid).started

    assert started == pytest.approx(psutil.Process(pid).create_time(), abs=0.02)


@pytest.mark.parametrize(("name", "shown"), NAMES)
def test_no_name_hides_what_stands_beside_it(name, shown):
    """N20 to N28: spaces, parentheses, quotes, lines, bytes that are no text."""
    with child(lambda: rename(name)) as pid:
        found = process.read(pid)

        assert found.name == shown
        assert (found.parent, found.user) == (os.getpid(), process.user(os.getuid()))
        assert found.started >= process.read(os.getpid()).started
        assert process.is_unchanged(found)


@pytest.mark.parametrize("change", ["delete", "replace"])
def test_a_binary_that_is_no_longer_there_is_flagged(run, tmp_path, change):
    exe = tmp_path / "a server"
    shutil.copy(require("sleep"), exe)
    pid = run(str(exe), "600")
    before = process.read(pid)

    if change == "delete":
        exe.unlink()
    else:
        (tmp_path / "newer").touch()
        (tmp_path / "newer").rename(exe)

    found = process.read(pid)
    assert (before.exe, before.exe_is_deleted) == (str(exe), False)
    assert (found.exe, found.exe_is_deleted) == (str(exe), True)
    assert not process.is_unchanged(before)


def test_no_secret_of_a_command_line_is_kept(run):
    pid = run(sys.executable, "-c", "input()", "--password=hunter2", "--token", "hunter2", "--on")

    found = process.read(pid)

    assert found.cmdline.endswith("--password=*** --token *** --on")
    assert "hunter2" not in repr(found)


def test_a_command_line_of_two_megabytes_is_cut(run):
    most = os.sysconf("SC_ARG_MAX") - 200_000
    size = min(2_000_000, most)
    arguments = ["x" * 100_000] * (size // 100_000)
    pid = run(sys.executable, "-c", "input()", *arguments)

    found = process.read(pid)

    assert len(arguments) > 10
    assert len(found.cmdline) == 4096
    assert len(repr(found)) < 10_000
    assert process.is_unchanged(found)


def test_a_zombie_has_a_name_and_nothing_else():
    """Its parent has not asked how it ended; it holds nothing any more."""
    pid = os.fork()
    if not pid:
        try:
            rename(b"undead")
        finally:
            os._exit(0)
    os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)

    found = process.read(pid)

    assert (found.name, found.parent, found.cmdline, found.exe) == ("undead", os.getpid(), "", "")
    assert process.sockets(pid) == {}
    os.waitpid(pid, 0)


def test_a_thread_of_the_kernel_has_a_name_and_nothing_else():
    threads = []
    for pid in process.pids():
        fields = process._bytes(f"/proc/{pid}/stat").rpartition(b") ")[2].split()
        if fields and int(fields[6]) & KERNEL_THREAD:
            threads.append(pid)
    if not threads:
        pytest.skip("no thread of the kernel can be seen from this PID namespace")

    found = process.read(min(threads))

    assert found.name != ""
    assert (found.cmdline, found.exe, found.exe_is_deleted) == ("", "", False)
    assert process.sockets(found.pid) == {}


@only_root
def test_a_user_without_a_name_is_a_number():
    with child(lambda: os.setuid(3_456_789)) as pid:
        assert process.read(pid).user == "3456789"


@pytest.mark.parametrize("uid", [2**32 - 2, 2**64])
def test_no_user_id_is_too_large(uid):
    assert process.user(uid) == str(uid)


def test_a_process_that_does_not_exist_is_none():
    assert process.read(NEVER) is None
    assert process.sockets(NEVER) == {}
    assert process.count_files(NEVER) == 0
    assert not process.holds(NEVER, 0, 1)


def test_a_process_that_has_ended_is_not_unchanged():
    with child() as pid:
        found = process.read(pid)

    assert process.read(pid) is None
    assert not process.is_unchanged(found)


@pytest.mark.parametrize(
    "change",
    [
        lambda: rename(b"another name"),
        pytest.param(lambda: os.setresuid(1, -1, -1), marks=only_root),
    ],
    ids=["name", "user"],
)
def test_a_process_that_changed_is_not_unchanged(change):
    """N28: a name may be a title of the moment; and root may become somebody else."""
    begin, go = os.pipe()
    done, finish = os.pipe()
    pid = os.fork()
    if not pid:
        try:
            os.read(begin, 1)
            change()
            os.write(finish, b".")
            os.read(begin, 1)
        finally:
            os._exit(0)
    found = process.read(pid)
    before = process.is_unchanged(found)

    os.write(go, b".")
    os.read(done, 1)

    assert (before, process.is_unchanged(found)) == (True, False)
    os.write(go, b".")
    os.waitpid(pid, 0)
    for end in (begin, go, done, finish):
        os.close(end)


@only_root
@pytest.mark.skipif(not Path(LAST_PID).exists(), reason="this kernel lets nobody choose a PID")
def test_a_pid_that_was_reused_is_another_process():
    """N34: even of the same parent and program, with all that the one before held."""
    for _ in range(100):  # others may start a process in between
        with child() as pid:
            found = process.read(pid)
            before = process.is_unchanged(found)
        Path(LAST_PID).write_text(f"{pid - 1}")
        with child() as again:
            started, after = process.read(again).started, process.is_unchanged(found)
        if again == pid and started != found.started:  # not within one tick of the kernel's clock
            break

    assert (again, before, after) == (pid, True, False)


def test_a_program_that_became_another_is_not_unchanged():
    """With the same PID, start and parent."""
    go = "read -r _; exec sleep 600"
    with subprocess.Popen([require("bash"), "-c", go], stdin=subprocess.PIPE) as shell:  # noqa: S603  # a script of ours
        found = process.read(shell.pid)
        before = process.is_unchanged(found)

        shell.stdin.write(b"\n")
        shell.stdin.flush()
        while process.read(shell.pid).name != "sleep":
            pass

        assert (before, process.is_unchanged(found)) == (True, False)
        assert process.read(shell.pid).started == found.started
        shell.kill()


def test_memory_and_threads_are_no_change():
    found = process.read(os.getpid())
    over = threading.Event()
    thread = threading.Thread(target=over.wait)

    thread.start()
    with mmap.mmap(-1, 1 << 22) as memory:
        memory.write(b"x" * (1 << 22))
        unchanged = process.is_unchanged(found)
    over.set()
    thread.join()

    assert unchanged


def test_sockets_are_told_by_inode_with_a_file_that_holds_them():
    with closing(socket.socket()) as one, open(os.devnull) as file:  # noqa: PTH123  # a file is enough
        inode = os.fstat(one.fileno()).st_ino

        assert process.sockets(os.getpid())[inode] == one.fileno()
        assert process.holds(os.getpid(), one.fileno(), inode)
        assert not process.holds(os.getpid(), one.fileno(), inode + 1)
        assert not process.holds(os.getpid(), file.fileno(), inode)


def test_files_are_counted_where_the_kernel_tells():
    """Since 6.2; the count only says who is to be asked first."""
    before = process.count_files(os.getpid())

    with closing(socket.socket()):
        during = process.count_files(os.getpid())

    assert (before, during) == (0, 0) or during == before + 1


@only_root
def test_the_sockets_of_others_are_refused_to_the_unprivileged():
    """N29, N31: a refusal is no empty answer."""
    mine = os.getpid()

    def question():
        try:
            return process.sockets(mine)
        except PermissionError:
            return "refused"

    assert told_by_nobody(question) == "refused"


def test_a_process_whose_first_thread_has_ended_shows_its_sockets_by_the_others():
    """Its /proc/PID/fd is empty, so that `ss -p` finds no holder either."""
    script = (
        "import ctypes, socket, threading, time\n"
        "server = socket.create_server(('127.0.0.1', 0))\n"
        "def stay():\n"
        "    print(socket.socket.fileno(server), flush=True)\n"
        "    time.sleep(60)\n"
        "threading.Thread(target=stay).start()\n"
        "ctypes.CDLL(None).pthread_exit(None)\n"
    )
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE) as server:  # noqa: S603  # our own interpreter
        try:
            file = int(server.stdout.readline())
            while psutil.Process(server.pid).status() != psutil.STATUS_ZOMBIE:
                assert server.poll() is None

            held = process.sockets(server.pid)
        finally:
            server.kill()

    assert list(held.values()) == [file]
