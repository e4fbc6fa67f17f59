"""
What `up` costs while nothing happens: memory of all its processes and CPU beside the sweeps.

    python -m tests.benchmarks.idle [--seconds 300]

It starts an `up` of its own, whose sweeps are switched off but for the first, opens some pages
and watches. Linux only. The limits are those the project promises. Pages grow with the ports of
this machine, which are told; and the first run of all compiles what it imports: repeat it.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from http.cookiejar import CookieJar
from pathlib import Path
from urllib.parse import urlencode
from urllib.request import HTTPCookieProcessor, build_opener

import psutil

from collector.ebpf import support

CHECKOUT = Path(__file__).resolve().parents[2]
SETTLE = 20  # seconds for the start and the first sweep to pass
MOST_MEMORY, MOST_CPU = 220, 3.0  # MB of PSS, CPU seconds per hour
MORE_MEMORY, MORE_CPU = 70, 0.5  # the same, of the watch, where the kernel can tell of ports
CLIENTS = 4  # at once, so that each thread of the web process has grown
PAGES = ("", "admin/", "admin/portatlas/port/", "admin/notes/portnote/add/", "api/v1/ports/")
SWITCH_OFF = """
from django_celery_beat.models import PeriodicTask
PeriodicTask.objects.filter(task="collector.tasks.collect").update(enabled=False)
"""


def manage(*arguments, **options):
    return subprocess.Popen([sys.executable, CHECKOUT / "manage.py", *arguments], **options)  # noqa: S603  # our own file


def cpu(process: psutil.Process) -> float:
    """Return the CPU seconds of all threads, by the scheduler's clock: ticks are too coarse."""
    stats = Path(f"/proc/{process.pid}/task").glob("*/schedstat")
    return sum(int(stat.read_text(encoding="ascii").split()[0]) for stat in stats) / 1e9


def name(process: psutil.Process) -> str:
    words = process.cmdline()
    kinds = ("supervisor.py", "gunicorn", "worker", "beat", "watch")
    return next((kind for kind in kinds if any(word.endswith(kind) for word in words)), words[0])


def wait_until_up(up: subprocess.Popen) -> tuple[str, str]:
    """Return the URL and the password of the admin."""
    password = ""
    for line in up.stdout:
        sys.stdout.write(line)
        if line.startswith("Log in as admin"):
            password = line.split("password ")[1].split()[0]
        if "Ctrl-C stops it" in line:
            return line.split(": ")[1].split()[0], password
    sys.exit("It did not come up.")


def browse(url: str, password: str) -> int:
    """Open the heavier pages, so that web has grown to its usual size; return how many ports."""
    jar = CookieJar()
    client = build_opener(HTTPCookieProcessor(jar))
    client.open(f"{url}login/").read()
    token = next(cookie.value for cookie in jar if cookie.name == "csrftoken")
    form = {"username": "admin", "password": password, "csrfmiddlewaretoken": token}
    client.open(f"{url}login/", urlencode(form).encode()).read()
    pages = [url + page for page in PAGES * 3 for _ in range(CLIENTS)]
    with ThreadPoolExecutor(CLIENTS) as clients:
        list(clients.map(lambda page: client.open(page).read(), pages))
    return json.load(client.open(f"{url}api/v1/ports/"))["count"]


def measure(up: subprocess.Popen, seconds: int) -> tuple[float, float]:
    supervisor = psutil.Process(up.pid)
    processes = [supervisor, *supervisor.children(recursive=True)]
    before = [cpu(process) for process in processes]
    time.sleep(seconds)
    memory = [process.memory_full_info().pss / 1e6 for process in processes]
    hourly = [
        (cpu(process) - start) * 3600 / seconds
        for process, start in zip(processes, before, strict=True)
    ]
    for process, pss, spent in zip(processes, memory, hourly, strict=True):
        sys.stdout.write(f"{name(process):14} {pss:7.1f} MB {spent:7.2f} s CPU per hour\n")
    return sum(memory), sum(hourly)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[1])
    parser.add_argument("--seconds", type=int, default=300, help="how long to watch")
    seconds = parser.parse_args().seconds
    with tempfile.TemporaryDirectory() as folder:
        env = os.environ | {"PORTATLAS_DATA": folder}
        env.pop("PYTHONDONTWRITEBYTECODE", None)  # who compiles at each start takes 4 MB more each
        manage("migrate", "--verbosity=0", env=env).wait()
        manage("shell", "--verbosity=0", "--command", SWITCH_OFF, env=env).wait()
        up = manage("up", "--port", "0", env=env, stdout=subprocess.PIPE, text=True)
        try:
            url, password = wait_until_up(up)
            ports = browse(url, password)
            time.sleep(SETTLE)
            memory, hourly = measure(up, seconds)
        finally:
            up.terminate()
            up.communicate()
    most_memory, most_cpu = MOST_MEMORY, MOST_CPU
    if not support.missing():
        most_memory, most_cpu = MOST_MEMORY + MORE_MEMORY, MOST_CPU + MORE_CPU
    sys.stdout.write(
        f"{'together':14} {memory:7.1f} MB {hourly:7.2f} s CPU per hour"
        f"   (at most {most_memory} MB, {most_cpu:g} s; {ports} ports)\n"
    )
    sys.exit(memory > most_memory or hourly > most_cpu)


if __name__ == "__main__":
    main()
