"""
docker/: its files against the schemas, the linter and their own rules.

That the image builds and the stacks run takes minutes: tests/benchmarks/containers.py.
"""

import os
import re
import shutil
import stat
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
import yaml

from tests.tools import do_without, require

CHECKOUT = Path(__file__).resolve().parents[2]
DOCKER = CHECKOUT / "docker"
ONE, FULL = (DOCKER / name for name in ("compose.yaml", "compose.full.yaml"))
SEEING = ["DAC_READ_SEARCH", "SYS_PTRACE"]
CAPABILITIES = "CAP_SYS_PTRACE CAP_DAC_READ_SEARCH"


def services(file):
    return yaml.safe_load(file.read_text())["services"]


EACH = [
    pytest.param(name, service, id=f"{file.stem}-{name}")
    for file in (ONE, FULL)
    for name, service in services(file).items()
]


def run(*command, **options):
    """Run a program; return how it ended and all that it said."""
    done = subprocess.run(  # noqa: S603  # written below
        command, capture_output=True, text=True, check=False, **options
    )
    return done.returncode, done.stdout + done.stderr


def tool(name):
    """Return a program that came with the packages for development."""
    path = Path(sys.executable).with_name(name)
    return str(path) if path.exists() else do_without(name)


def test_the_compose_files_are_of_the_compose_specification():
    check = tool("check-jsonschema")

    code, said = run(check, "--builtin-schema", "vendor.compose-spec", str(ONE), str(FULL))

    assert code == 0, said


def test_hadolint_has_nothing_against_the_dockerfile():
    code, said = run(tool("hadolint"), str(DOCKER / "Dockerfile"))

    assert (code, said) == (0, "")


@pytest.mark.parametrize(("name", "service"), EACH)
def test_each_service_has_no_more_than_it_needs(name, service):
    sees = name in {"portatlas", "collector"}

    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service.get("cap_add", []) == (SEEING if sees else [])
    assert ("no-new-privileges" in service["security_opt"]) is not sees
    assert (service.get("network_mode"), service.get("pid")) == (
        ("host",) * 2 if sees else (None,) * 2
    )
    assert "privileged" not in service
    assert all(port.startswith("127.0.0.1:") for port in service.get("ports", []))
    assert service["mem_limit"]


@pytest.mark.parametrize(("name", "service"), EACH)
def test_each_service_is_asked_how_it_is_or_says_why_not(name, service):
    ends = service["restart"] == "no"
    asked = "test" in service["healthcheck"]

    assert asked or ends or name == "collector"
    assert asked or service["healthcheck"] == {"disable": True}


def test_what_can_be_talked_to_cannot_look_into_processes():
    full = services(FULL)

    assert [name for name, service in full.items() if "ports" in service] == ["web"]
    assert [name for name, service in full.items() if "cap_add" in service] == ["collector"]
    assert not {"environment", "secrets", "networks"} & full["collector"].keys()


def test_no_secret_is_an_argument_or_in_the_environment():
    for file in (ONE, FULL):
        for name, service in services(file).items():
            for variable, value in service.get("environment", {}).items():
                is_secret = re.search("PASSWORD|SECRET|TOKEN", variable)
                assert not is_secret or value.startswith("/run/secrets/"), (name, variable)
                assert not re.search(r"://[^/@]*:[^/@]*@", value), (name, variable)


def test_the_stack_finds_its_secrets_in_their_files(tmp_path):
    """Passwords have signs that mean something in a URL."""
    words = {"secret_key": "k" * 50, "database_password": "p@ss:/%w", "broker_password": "b/#r"}
    for name, word in words.items():
        (tmp_path / name).write_text(f"{word}\n")
    environment = {
        name: value.replace("/run/secrets", str(tmp_path))
        for name, value in services(FULL)["web"]["environment"].items()
        if "${" not in value
    }
    show = (
        "from django.conf import settings as s; from kombu.utils.url import url_to_parts as parts;"
        "d = s.DATABASES['default'];"
        "print(s.SECRET_KEY, d['USER'], d['HOST'], d['PASSWORD']);"
        "print(*(parts(url)[1:5] for url in (s.CELERY_BROKER_URL, s.PORTATLAS_CACHE_URL)))"
    )

    code, said = run(
        *(sys.executable, "manage.py", "shell", "-v0", "-c", show),
        cwd=CHECKOUT,
        env={"PATH": os.environ["PATH"], "PORTATLAS_BOOTSTRAP": "off"}
        | environment
        | {"PORTATLAS_DATA": str(tmp_path)},
    )

    redis = ("redis", None, "default", words["broker_password"])
    assert said.splitlines() == [
        f"{words['secret_key']} portatlas postgres {words['database_password']}",
        f"{redis} {redis}",
    ]
    assert code == 0


@pytest.mark.parametrize("url", ["", "files://", "redis://me:hunter2@redis/0", "redis://[::1"])
def test_a_password_without_a_place_in_its_url_is_told_in_one_line(tmp_path, url):
    environment = {
        "PATH": os.environ["PATH"],
        "PORTATLAS_BOOTSTRAP": "off",
        "PORTATLAS_DATA": str(tmp_path),
        "PORTATLAS_BROKER_URL": url,
        "PORTATLAS_BROKER_URL_PASSWORD": "hunter3",
    }

    code, said = run(sys.executable, "manage.py", "check", cwd=CHECKOUT, env=environment)

    assert code == 1
    assert said == (
        "port atlas: PORTATLAS_BROKER_URL_PASSWORD is for a PORTATLAS_BROKER_URL with a host, "
        "and without a password of its own.\n"
    )


def test_every_setting_of_the_stacks_is_one_that_is_read():
    read = (CHECKOUT / "portatlas" / "settings.py").read_text()
    given = {
        re.sub("(_PASSWORD)?(_FILE)?$", "", name)
        for file in (ONE, FULL)
        for name, service in services(file).items()
        if name not in {"postgres", "redis"}
        for name in service.get("environment", {})
    }

    unread = {name for name in given if f'"{name}"' not in read}

    assert unread == {"PORTATLAS_PORT"}  # is for `healthy`


def test_the_image_has_what_is_copied_and_nothing_else_is_sent_to_the_build():
    dockerfile = (DOCKER / "Dockerfile").read_text()
    ignore = (DOCKER / "Dockerfile.dockerignore").read_text().splitlines()
    copied = re.findall(r"^COPY (?!--from)(?:--\S+ )?(.+) \S+$", dockerfile, re.MULTILINE)
    named = {name for line in copied for name in line.split() if name != "portatlas/_uv.py"}

    assert "*" in ignore
    assert {line[1:] for line in ignore if line.startswith("!")} == named
    assert all((CHECKOUT / name).exists() for name in named)


def test_what_the_kernel_runs_is_compiled_where_the_image_is_built_and_loaded_where_it_runs():
    build, run = (DOCKER / "Dockerfile").read_text().split("\nFROM ")[1:]

    assert "python3 -m collector.ebpf.compiler" in build
    assert {"clang", "libbpf-dev"} <= {*build.split()}
    assert "libbpf1" in run.split()
    assert "clang" not in run.split()


def test_pg_dump_in_the_image_is_of_the_servers_version():
    server = re.search(r"postgres:(\d+)-", services(FULL)["postgres"]["image"])[1]

    assert set(
        re.findall(r"postgresql[-/](?:client-)?(\d+)", (DOCKER / "Dockerfile").read_text())
    ) == {server}


def test_secrets_are_made_once_where_nobody_else_can_enter(tmp_path):
    script = shutil.copy(DOCKER / "secrets.sh", tmp_path)

    run(script)
    made = {path.name: path.read_text() for path in (tmp_path / "secrets").iterdir()}
    run(script)

    assert made.keys() == {Path(each["file"]).name for each in secrets()}
    assert {path.name: path.read_text() for path in (tmp_path / "secrets").iterdir()} == made
    assert len(set(made.values())) == 3
    assert all(re.fullmatch(r"[A-Za-z0-9+/]{48}", word) for word in made.values())
    assert stat.S_IMODE((tmp_path / "secrets").stat().st_mode) == 0o700
    assert (tmp_path / ".env").read_text() == f"PORTATLAS_HOST_ID={os.uname().nodename}\n"


def secrets():
    return yaml.safe_load(FULL.read_text())["secrets"].values()


@pytest.mark.parametrize(("status", "code"), [(200, 0), (503, 1), (None, 1)])
def test_a_container_is_healthy_when_its_web_server_says_so(status, code):
    class Answer(BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(status if self.path == "/healthz" else 404)
            self.end_headers()

        def log_message(self, *args):
            """Say nothing."""

    with HTTPServer(("127.0.0.1", 0), Answer) as server:
        port = str(server.server_port)
        if status:
            threading.Thread(target=server.handle_request).start()
        else:
            server.socket.close()

        ended, _ = run(DOCKER / "healthy", env={"PORTATLAS_PORT": port, "PATH": os.environ["PATH"]})

    assert ended == code


def test_the_unit_is_what_systemd_understands_and_has_two_capabilities(tmp_path):
    unit = (DOCKER / "systemd" / "portatlas.service").read_text()
    analyze = require("systemd-analyze")
    here = tmp_path / "portatlas.service"
    here.write_text(unit.replace("/opt/portatlas/.venv/bin/python", "/bin/true"))

    code, said = run(analyze, "verify", "--man=no", str(here))

    assert (code, said) == (0, "")
    for each in ("AmbientCapabilities", "CapabilityBoundingSet"):
        assert re.findall(f"^{each}=(.*)$", unit, re.MULTILINE) == [CAPABILITIES]
