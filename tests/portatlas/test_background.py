"""What each process of `up` loads, in a process like it: what it has no need of costs memory."""

import os
import subprocess
import sys

import pytest

WORKER = "from portatlas import background; background.worker()"
BEAT = """
from portatlas import background
beat = background.beat()
beat.init_loader()
beat.Service(beat.app, scheduler_cls=beat.scheduler_cls).get_scheduler(lazy=True)
"""
WATCH = """
import django
from django.core.management import load_command_class
django.setup()
load_command_class("collector", "watch")
"""
WEB = """
from wsgiref.util import setup_testing_defaults
from portatlas.wsgi import application
for path in ("/login/", "/", "/api/v1/ports/"):
    request = {"HTTP_HOST": "localhost", "PATH_INFO": path, "REMOTE_ADDR": "127.0.0.1"}
    setup_testing_defaults(request)
    b"".join(application(request, lambda status, headers: None))
"""

# Celery's shell, and what only a command, another queue, a message or one page in many takes.
SELDOM = {
    "apprise",
    "celery.bin",
    "cryptography",
    "jsonschema",
    "markdown_it",
    "prompt_toolkit",
    "redis",
    "rich",
    "smtplib",
}
WORK = {"celery.apps.worker", "django_celery_beat.schedulers"}
SWEEPS = {"collector.look", "collector.services"}  # tasks load them when they begin
PAGES = {
    "django_filters",
    "drf_spectacular.openapi",
    "portatlas.admin",
    "portatlas.api",
    "portatlas.board",
    "portatlas.urls",
    "prometheus_client",
    "rest_framework.views",
    "simple_history.admin",
}


def loaded(code, folder):
    """Return the names of the modules that a new process has once it ran that code."""
    output = subprocess.run(  # noqa: S603  # our own code
        [sys.executable, "-W", "ignore", "-c", f"{code}\nimport sys; print(*sys.modules)"],
        env=os.environ | {"PORTATLAS_DATA": str(folder), "PORTATLAS_BROKER_URL": "files://"},
        capture_output=True,
        check=True,
        text=True,
    ).stdout
    return set(output.split())


@pytest.mark.parametrize(
    ("code", "role", "needless"),
    [
        (WEB, "portatlas.board", SELDOM),
        (WORKER, "celery.worker", SELDOM | SWEEPS | PAGES),
        (BEAT, "django_celery_beat.schedulers", SELDOM | SWEEPS | PAGES | {"psutil"}),
        (WATCH, "collector.vigil", SELDOM | WORK | PAGES),
    ],
    ids=["web", "worker", "beat", "watch"],
)
def test_a_process_loads_what_it_is_for_and_not_what_others_are_for(code, role, needless, tmp_path):
    modules = loaded(code, tmp_path)

    assert role in modules
    assert needless & modules == set()
