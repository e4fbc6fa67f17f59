"""The supervisor, run as it is run for real, over small children that misbehave on request."""

import json
import os
import select
import signal
import socket
import subprocess
import sys
import time

import psutil
import pytest

from portatlas import supervisor

PATIENCE = 30  # seconds until a test gives up; none waits that long when all is well

SERVE = """
import socket, sys
door = socket.socket(fileno=int(sys.argv[1]))
while True:
    guest, _ = door.accept()
    request = guest.recv(4096).decode()
    print(*request.split()[:2], request.split("Host: ")[1].split()[0], flush=True)
    guest.sendall(b"HTTP/1.1 200 OK\\r\\n\\r\\n")
    guest.close()
"""
SLEEP = "import time; print('sleeping', flush=True); time.sleep(600)"
STUBBORN = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); " + SLEEP
FAIL = "import sys; print('the disk is full', flush=True); sys.exit(3)"
PARENT = f"import subprocess, sys; subprocess.Popen([sys.executable, '-c', {SLEEP!r}]); {SLEEP}"


def python(code, *arguments):
    return [sys.executable, "-I", "-S", "-c", code, *arguments]


class Run:
    """A running supervisor whose output can be waited for."""

    def __init__(self, children, **plan):
        door = socket.create_server(("127.0.0.1", 0))
        plan = {
            "url": "http://here/",
            "door": door.fileno(),
            "began": time.time(),
            "children": {
                name: [part.replace("DOOR", str(door.fileno())) for part in command]
                for name, command in children.items()
            },
            **plan,
        }
        self.address = door.getsockname()
        self.process = subprocess.Popen(  # noqa: S603  # our own file
            [sys.executable, "-I", "-S", supervisor.__file__, json.dumps(plan)],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            pass_fds=[door.fileno()],
            # Tests that nohup started would hand on that a hang-up means nothing.
            preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_DFL),  # noqa: PLW1509  # no threads here
        )
        door.close()
        self.output = ""

    def wait_for(self, text, times=1):
        """Read on until the output has `text` so many times."""
        deadline = time.monotonic() + PATIENCE
        while self.output.count(text) < times:
            assert select.select([self.process.stdout], [], [], deadline - time.monotonic())[0]
            data = os.read(self.process.stdout.fileno(), 65536)
            assert data, f"ended without {text!r}:\n{self.output}"
            self.output += data.decode()
        return self.output

    def end(self, *signals):
        """Send signals and return the exit status."""
        for number in signals:
            self.process.send_signal(number)
        rest, _ = self.process.communicate(timeout=PATIENCE)
        self.output += rest.decode()
        return self.process.returncode

    def descendants(self):
        return psutil.Process(self.process.pid).children(recursive=True)


@pytest.fixture
def run():
    runs = []

    def run(head_start=0, delay=0.02, grace=supervisor.GRACE, **children):
        runs.append(Run(children, head_start=head_start, delay=delay, grace=grace))
        return runs[-1]

    yield run
    for each in runs:
        with each.process as process:
            for _ in range(2):  # the second time it kills
                process.terminate()


def are_gone(processes):
    """Wait until the processes have ended; a zombie that nobody reaps counts as ended."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        if not any(is_alive(process) for process in processes):
            return True
        time.sleep(0.02)
    return False


def is_alive(process):
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def test_output_is_passed_on_line_by_line_under_the_name_of_the_child(run):
    noisy = "import sys; print('one'); print('two', file=sys.stderr, flush=True); " + SLEEP

    output = run(web=python(noisy), worker=python(SLEEP)).wait_for("sleeping", times=2)

    assert {"web    | one", "web    | two", "worker | sleeping"} <= set(output.splitlines())


def test_output_that_a_process_chose_cannot_steer_the_terminal(run):
    code = r"import sys; sys.stdout.buffer.write(b'\x1b[31mred\x07 \xff \xc2\x9b2J\r\n'); " + SLEEP

    output = run(web=python(code)).wait_for("sleeping")

    assert output.splitlines()[0] == r"web | \x1b[31mred\x07 \xff \x9b2J"


def test_a_child_that_ends_is_started_again(run):
    supervised = run(web=python(SLEEP))
    supervised.wait_for("sleeping")
    (first,) = supervised.descendants()

    first.kill()
    output = supervised.wait_for("sleeping", times=2)

    (second,) = supervised.descendants()
    assert second.pid != first.pid
    assert "web ended (SIGKILL); starting it again in 0.02 s." in output.splitlines()


def test_what_an_ended_child_left_running_ends_before_it_is_started_again(run):
    supervised = run(web=python(PARENT))
    supervised.wait_for("sleeping", times=2)
    parent, orphan = supervised.descendants()

    parent.kill()

    assert are_gone([orphan])
    supervised.wait_for("sleeping", times=4)


def test_five_deaths_of_one_child_end_everything_with_its_last_lines(run):
    supervised = run(web=python(FAIL), worker=python(SLEEP))
    output = supervised.wait_for("gives up")

    status = supervised.end()

    lines = supervised.output.splitlines()
    assert status == 1
    assert "web ended 5 times within 60 s; Port Atlas gives up." in lines
    assert lines[lines.index("The last lines of web were:") + 1] == "    the disk is full"
    assert output.count("starting it again") == 4


def test_a_command_that_cannot_be_run_counts_as_a_death(run):
    supervised = run(web=["/nonexistent/python"])

    supervised.wait_for("gives up")

    assert supervised.end() == 1


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_signal_ends_every_descendant(run, number):
    supervised = run(web=python(PARENT), worker=python(SLEEP))
    supervised.wait_for("sleeping", times=3)
    descendants = supervised.descendants()

    status = supervised.end(number)

    assert status == 0
    assert len(descendants) == 3
    assert are_gone(descendants)


def test_a_child_that_ignores_the_signal_is_killed_in_the_end(run):
    supervised = run(web=python(STUBBORN), grace=0.1)
    supervised.wait_for("sleeping")
    descendants = supervised.descendants()

    status = supervised.end(signal.SIGTERM)

    assert status == 0
    assert are_gone(descendants)


def test_a_second_signal_kills_without_waiting_for_the_grace_to_end(run):
    supervised = run(web=python(STUBBORN), grace=PATIENCE * 10)
    supervised.wait_for("sleeping")
    descendants = supervised.descendants()
    supervised.process.send_signal(signal.SIGINT)
    supervised.wait_for("Port Atlas is stopping.")

    supervised.end(signal.SIGINT)

    assert are_gone(descendants)


def test_killing_the_supervisor_ends_its_children(run):
    supervised = run(web=python(STUBBORN), worker=python(SLEEP))
    supervised.wait_for("sleeping", times=2)
    descendants = supervised.descendants()

    supervised.end(signal.SIGKILL)

    assert len(descendants) == 2
    assert are_gone(descendants)


def test_it_says_that_it_is_up_only_when_healthz_answers(run):
    late = "import time; time.sleep(0.5); " + SERVE

    output = run(web=python(late, "DOOR")).wait_for("Ctrl-C stops it.")

    asked, told = output.splitlines()
    assert asked == "web | GET /healthz localhost"
    assert told.startswith("Port Atlas is up: http://here/ (")


def test_the_rest_starts_when_the_web_answers(run):
    supervised = run(web=python(SERVE, "DOOR"), worker=python(SLEEP), head_start=PATIENCE * 10)

    output = supervised.wait_for("sleeping")

    assert output.index("is up") < output.index("sleeping")


def test_the_rest_starts_without_the_web_once_its_head_start_is_over(run):
    supervised = run(web=python(SLEEP), worker=python(SLEEP), head_start=0.1)

    output = supervised.wait_for("sleeping", times=2)

    assert "is up" not in output


def test_an_answer_that_is_not_200_is_named_and_asked_for_again(run):
    refusing = SERVE.replace("200 OK", "400 Bad Request")

    supervised = run(web=python(refusing, "DOOR"))

    supervised.wait_for("GET /healthz", times=2)
    assert "answers /healthz with HTTP/1.1 400 Bad Request; asking again." in supervised.output
    assert "is up" not in supervised.output


def test_a_client_that_calls_while_the_web_restarts_is_served(run):
    supervised = run(web=python(SERVE, "DOOR"))
    supervised.wait_for("is up")
    (web,) = supervised.descendants()
    web.kill()
    supervised.wait_for("starting it again")

    with socket.create_connection(supervised.address, timeout=PATIENCE) as client:
        client.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        answer = client.recv(4096)

    assert answer.startswith(b"HTTP/1.1 200 OK")


def test_it_loads_neither_django_nor_celery_nor_ctypes():
    code = "import runpy, sys; runpy.run_path(sys.argv[1]); print(*sys.modules)"

    command = python(code, supervisor.__file__)
    modules = subprocess.check_output(command, text=True).split()  # noqa: S603  # our own file

    assert {"django", "celery", "ctypes", "portatlas"} & set(modules) == set()
