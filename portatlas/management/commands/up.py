"""
`manage.py up`: make everything ready, then become the supervisor of web, worker, beat and watch.

The process replaces itself, so that Django's memory is given back. What survives is the lock
on the data directory and the listening socket.
"""

import argparse
import fcntl
import ipaddress
import json
import os
import secrets
import socket
import sys
from pathlib import Path
from urllib.parse import urlsplit

import psutil
from django.conf import settings
from django.contrib.auth import get_user_model
from django.core.management import BaseCommand, CommandError, call_command
from django.db import DatabaseError, connection
from django.db.migrations.exceptions import InconsistentMigrationHistory
from django.db.migrations.executor import MigrationExecutor
from django.http.request import validate_host
from kombu.exceptions import OperationalError

from collector.ebpf import support
from portatlas.celery import app

SUPERVISOR = Path(__file__).resolve().parents[2] / "supervisor.py"
FIRST_SWEEP = "collector.tasks.collect"
WORKER_READY_WITHIN = 60  # seconds; the first sweep is not worth more patience


# Only root sees the owners of all sockets, so it is no mistake here. Messages are JSON, not pickle.
ROOT_IS_FINE = "ignore:You're running the worker with superuser privileges"


def port_number(text: str) -> int:
    number = int(text)
    if not 0 <= number <= 65535:
        raise argparse.ArgumentTypeError("a port is a number from 0 (any free one) to 65535")
    return number


class Command(BaseCommand):
    help = "Run web, worker and scheduler on this machine. Ctrl-C stops them."
    requires_system_checks = ()  # they are for developers, and cost a second start half a second

    def add_arguments(self, parser):
        parser.add_argument("--host", default="127.0.0.1", help="address to listen on")
        parser.add_argument("--port", default=8000, type=port_number, help="port to listen on")

    def handle(self, host, port, **options):
        lock = take_lock(settings.DATA_DIR / "up.lock")
        door = open_door(host, port)
        url = url_of(door)
        os.pwrite(lock, f"{url} (process {os.getpid()})\n".encode(), 0)
        if not ipaddress.ip_address(door.getsockname()[0]).is_loopback:
            self.stderr.write(
                f"{url} is plain HTTP: the network can read along. Names that people reach it by "
                f"belong into PORTATLAS_ALLOWED_HOSTS (now {','.join(settings.ALLOWED_HOSTS)})."
            )
        elif not validate_host(urlsplit(url).netloc.rpartition(":")[0], settings.ALLOWED_HOSTS):
            self.stderr.write(f"Add {host} to PORTATLAS_ALLOWED_HOSTS, or {url} is refused.")
        try:
            self.migrate()
            self.make_admin()
        except DatabaseError as exc:
            raise CommandError(f"The database can't be used: {exc}") from exc
        queue_first_sweep()
        become_supervisor(lock, door, url)

    def migrate(self):
        plan = pending_migrations()
        if plan:
            self.stdout.write(f"Preparing the database ({len(plan)} migrations) ...")
            call_command("migrate", interactive=False, verbosity=0)

    def make_admin(self):
        users = get_user_model().objects
        if not users.exists():
            password = secrets.token_urlsafe(12)
            users.create_superuser("admin", password=password)
            self.stdout.write(f"Log in as admin with the password {password} (shown only now).")


def take_lock(path: Path) -> int:
    """Return a handle that holds the lock of the data directory for as long as it is open."""
    try:
        handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as exc:
        holder = os.pread(handle, 1024, 0).decode().strip() or "it is just starting"
        raise CommandError(f"Port Atlas is already up on {path.parent}: {holder}") from exc
    except OSError as exc:
        raise CommandError(f"{path} can't be locked ({exc.strerror}).") from exc
    os.truncate(handle, 0)
    return handle


def open_door(host: str, port: int) -> socket.socket:
    """Return a listening socket, so that a taken port is known before anything else happens."""
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        door = socket.socket(family)
        door.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        door.bind(address)
        door.listen(128)
    except OSError as exc:
        raise CommandError(
            f"Can't listen on port {port} of {host} ({exc.strerror}). "
            "Choose another with --port, or another address with --host."
        ) from exc
    return door


def url_of(door: socket.socket) -> str:
    host, port, *_ = door.getsockname()
    if ipaddress.ip_address(host).is_unspecified:
        host = "localhost"
    return f"http://[{host}]:{port}/" if ":" in host else f"http://{host}:{port}/"


def pending_migrations() -> list:
    """Return the migrations to apply. Raises CommandError if the database is not ours to touch."""
    executor = MigrationExecutor(connection)
    loader = executor.loader
    try:
        loader.check_consistent_history(connection)
    except InconsistentMigrationHistory as exc:
        raise CommandError(f"The database can't be used: {exc}") from exc
    ours = loader.migrated_apps
    newer = {key for key in loader.applied_migrations if key[0] in ours} - set(
        loader.disk_migrations
    )
    if newer:
        name = ".".join(min(newer))
        raise CommandError(
            f"A newer Port Atlas has used this database (it has {name}). "
            "Start that one, or choose another folder with PORTATLAS_DATA."
        )
    return executor.migration_plan(loader.graph.leaf_nodes())


def queue_first_sweep():
    """Fill the board seconds after the start instead of at beat's first tick."""
    try:
        app.send_task(FIRST_SWEEP, expires=WORKER_READY_WITHIN)
    except (OSError, OperationalError) as exc:
        raise CommandError(f"The queue can't be used: {exc}") from exc


def become_supervisor(lock: int, door: socket.socket, url: str):
    plan = {
        "url": url,
        "door": door.fileno(),
        "began": psutil.Process().create_time(),
        "children": commands(door.fileno()),
    }
    make_paths_absolute()
    os.chdir(settings.BASE_DIR)
    for handle in (lock, door.fileno()):
        os.set_inheritable(handle, True)
    sys.stdout.flush()
    argv = [sys.executable, "-I", "-S", str(SUPERVISOR), json.dumps(plan)]
    os.execv(sys.executable, argv)  # noqa: S606  # no shell is wanted


def make_paths_absolute():
    """Let the children, who run in the checkout, find what was named from where `up` was called."""
    os.environ.pop("PORTATLAS_DATA_FILE", None)
    os.environ["PORTATLAS_DATA"] = str(settings.DATA_DIR)
    database = settings.DATABASES["default"]
    if database["ENGINE"].endswith("sqlite3") and os.environ.get("DATABASE_URL"):
        os.environ["DATABASE_URL"] = f"sqlite:///{Path(database['NAME']).absolute()}"
    for name, path in os.environ.items():
        if name.startswith(("PORTATLAS_", "DATABASE_URL")) and name.endswith("_FILE") and path:
            os.environ[name] = str(Path(path).absolute())


def commands(door: int) -> dict[str, list[str]]:
    """Return what runs in production too, but for the inherited socket and Celery's commands."""
    python = [sys.executable, "-m"]
    web = [*python, "gunicorn", "portatlas.wsgi", "--bind", f"fd://{door}"]
    web += ["--worker-class", "gthread", "--workers", "1", "--threads", "4"]
    web += ["--graceful-timeout", "5", "--no-control-socket", "--log-level", "warning"]
    children = {
        "web": web,
        "worker": [sys.executable, "-W", ROOT_IS_FINE, "-m", "portatlas.background", "worker"],
        "beat": [*python, "portatlas.background", "beat"],
    }
    if not support.missing():  # else the worker looks, and the page of the host says why
        children["watch"] = [*python, "django", "watch"]
    return children
