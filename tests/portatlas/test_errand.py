"""Commands that are run on leased ports, as real processes."""

import fcntl
import os
import signal
import subprocess
import sys
import termios
from contextlib import contextmanager
from pathlib import Path

import pytest

from portatlas.reserving.errand import Errand, environment

# Without the package, which would load Celery.
PACKAGE = Path(__file__).resolve().parents[2] / "portatlas" / "reserving"
RUNNER = """
import sys
from errand import Errand
errand = Errand(sys.argv[1:])
print(errand.pid, flush=True)
sys.exit(errand.run({"PORT": "8123"}))
"""
# Says which signals it gets, and ends with SIGTERM.
LISTENER = """
import os, signal, sys
def told(number, _):
    os.write(1, f"{signal.Signals(number).name}\\n".encode())
    if number == signal.SIGTERM:
        sys.exit(5)
for number in (signal.SIGINT, signal.SIGHUP, signal.SIGUSR1, signal.SIGTERM):
    signal.signal(number, told)
os.write(1, f"{os.getpid()} {os.environ['PORT']}\\n".encode())
while True:
    signal.pause()
"""


@contextmanager
def runner(*command, **options):
    """Lend a process that runs a command and says its PID first."""
    process = subprocess.Popen(  # noqa: S603  # our own script
        [sys.executable, "-c", RUNNER, *command],
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONPATH": str(PACKAGE)},
        **options,
    )
    with process:
        try:
            yield process, int(process.stdout.readline())
        finally:
            process.kill()


def listener():
    return sys.executable, "-I", "-S", "-c", LISTENER


@pytest.mark.parametrize(
    ("script", "code"), [("exit 0", 0), ("exit 9", 9), ("kill -9 $$", 137), ("kill $$", 143)]
)
def test_it_ends_as_the_command_does(script, code):
    assert Errand(["sh", "-c", script]).run({}) == code


def test_what_cant_be_run_ends_as_in_a_shell(tmp_path, capfd):
    codes = [Errand([name]).run({}) for name in (str(tmp_path / "none"), str(tmp_path))]

    assert codes == [127, 126]
    assert "none' can't be run: No such file or directory." in capfd.readouterr().err


def test_the_command_has_the_environment_that_was_there_and_what_it_is_told(capfd):
    Errand(["env"]).run({"PORT": "8123"})

    told = dict(line.partition("=")[::2] for line in capfd.readouterr().out.splitlines())
    assert told["PORT"] == "8123"
    # Which Django sets for itself, in this process too.
    assert os.environ["TZ"] == "UTC"
    assert told.get("TZ") == environment().get("TZ")


def test_a_command_whose_runner_gives_up_never_begins(tmp_path):
    errand = Errand(["touch", str(tmp_path / "begun")])

    errand.give_up()

    assert list(tmp_path.iterdir()) == []


def test_a_command_that_was_ended_before_it_began_has_ended():
    errand = Errand(["true"])
    os.kill(errand.pid, signal.SIGKILL)

    assert errand.run({"PORT": "8123"}) == 137


def test_signals_are_passed_on():
    with runner(*listener()) as (process, pid):
        begun = process.stdout.readline()
        heard = []
        for number in (signal.SIGINT, signal.SIGHUP, signal.SIGUSR1, signal.SIGTERM):
            process.send_signal(number)
            heard.append(process.stdout.readline().strip())
        code = process.wait()

    assert begun == f"{pid} 8123\n"
    assert (heard, code) == (["SIGINT", "SIGHUP", "SIGUSR1", "SIGTERM"], 5)


def test_what_the_terminal_sends_to_both_reaches_the_command_once():
    master, slave = os.openpty()

    def take_terminal():
        fcntl.ioctl(slave, termios.TIOCSCTTY, 0)

    with runner(*listener(), stdin=slave, start_new_session=True, preexec_fn=take_terminal) as (
        process,
        _pid,
    ):
        process.stdout.readline()
        os.write(master, b"\x03")
        heard = [process.stdout.readline().strip()]
        process.send_signal(signal.SIGTERM)
        heard += process.stdout.read().split()
        code = process.wait()
    os.close(master)
    os.close(slave)

    assert (heard, code) == (["SIGINT", "SIGTERM"], 5)


def test_the_command_outlives_a_runner_that_is_killed():
    with runner(*listener()) as (process, pid):
        process.stdout.readline()
        process.kill()
        process.wait()

        os.kill(pid, signal.SIGTERM)
        said = process.stdout.read()

    assert said == "SIGTERM\n"
