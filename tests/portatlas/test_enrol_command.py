"""The command that is pasted on a machine: what it fetches, and whom it shows the secret."""

import os
import shutil
import subprocess

import pytest
import time_machine

from collector.agent.archive import build
from portatlas.fleet.command import command
from portatlas.fleet.enrolment import enrol
from portatlas.tokens import services
from tests.conftest import NOON

pytestmark = pytest.mark.django_db

ADD = "/admin/collector/host/enrol/"


@pytest.mark.parametrize(
    ("url", "host", "expected"),
    [
        ("", "atlas.example.org", "http://atlas.example.org"),
        ("https://example.org/atlas", "localhost", "https://example.org/atlas"),
    ],
)
def test_the_command_names_this_hub(url, host, expected, admin_client, settings):
    settings.PORTATLAS_URL, settings.ALLOWED_HOSTS = url, [host]

    page = admin_client.post(ADD, {"host_id": "web-1"}, headers={"host": host})

    assert f"--hub {expected} --host web-1 " in page.context["command"]


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("https://atlas.example.org", ""),
        ("http://atlas.example.org", "travels in clear"),
        ("http://localhost:8000", "to itself"),
    ],
)
def test_an_address_that_does_not_do_is_told(url, said, admin_client, settings):
    settings.PORTATLAS_URL = url

    page = admin_client.post(ADD, {"host_id": "web-1"})

    assert said in page.context["caution"]
    assert bool(page.context["caution"]) == bool(said)


def test_an_address_is_nothing_that_a_shell_would_run():
    made = command("https://a$(reboot)'`x", "web-1", "secret")

    assert "python3 - 'https://a$(reboot)'\"'\"'`x' <<" in made


@pytest.fixture
def paste(tmp_path, live_server):
    """
    Return a function that pastes the command, by default where `sudo` is the user's own right.

    There a stand-in for Python writes down how it is started, and lets the real one do the rest;
    but what would install a service only tells that it was asked to.
    """
    tools = tmp_path / "bin"
    tools.mkdir()
    (tools / "sudo").write_text(f'#!/bin/sh\necho sudo >>{tmp_path}/started\nexec "$@"\n')
    (tools / "id").write_text("#!/bin/sh\necho ${USER_ID:-1000}\n")
    python = tools / "python3"
    python.write_text(
        "#!/bin/sh\n"
        f'echo "$@" >>{tmp_path}/started\n'
        f'case "$1" in -) exec {shutil.which("python3")} "$@";; esac\n'
        f"cp * {tmp_path}/\n"
        f"stat -c %a token >{tmp_path}/mode\n"
    )
    for each in tools.iterdir():
        each.chmod(0o755)

    def paste(text, shell="sh", **environment):
        environment |= {"PATH": f"{tools}:{os.environ['PATH']}", "TMPDIR": str(tmp_path)}
        return subprocess.run(  # noqa: S603  # the command under test
            [shutil.which(shell)],
            input=text,
            env=environment,
            text=True,
            capture_output=True,
            check=False,
        )

    return paste


@pytest.mark.django_db(transaction=True)
def test_the_command_fetches_the_agent_and_shows_the_secret_to_nobody(
    paste, live_server, admin_user, tmp_path
):
    with time_machine.travel(NOON):
        token = enrol(admin_user, "web-1", at=NOON)
        done = paste(command(live_server.url, "web-1", token.secret))

    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert (tmp_path / "portatlas-agent.pyz").read_bytes() == build()
    assert (tmp_path / "token").read_text().strip() == token.secret
    assert (tmp_path / "mode").read_text().strip() == "600"
    started = (tmp_path / "started").read_text().splitlines()
    assert started == [
        "sudo",
        f"- {live_server.url}",
        f"portatlas-agent.pyz --hub {live_server.url} --host web-1 --token-file token --install",
    ]
    assert [*tmp_path.glob("tmp.*")] == []


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("shell", ["sh", "bash"])
def test_a_command_that_came_too_late_says_why(shell, paste, live_server, admin_user, tmp_path):
    with time_machine.travel(NOON):
        token = enrol(admin_user, "web-1", at=NOON)
        services.revoke(token, at=NOON)
        done = paste(command(live_server.url, "web-1", token.secret), shell)

    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("This token is unknown, expired or revoked")
    assert (tmp_path / "started").read_text().splitlines() == ["sudo", f"- {live_server.url}"]


@pytest.mark.parametrize("shell", ["sh", "bash"])
def test_the_shell_of_root_needs_no_sudo(shell, paste, tmp_path):
    done = paste(command("http://127.0.0.1:9", "web-1", "atlas_x"), shell, USER_ID="0")

    assert "can't be reached" in done.stderr
    assert (tmp_path / "started").read_text().splitlines() == ["- http://127.0.0.1:9"]


def test_a_hub_that_is_away_is_told(paste):
    done = paste(command("http://127.0.0.1:9", "web-1", "atlas_x"))

    assert (done.returncode, done.stdout) == (1, "")
    assert "http://127.0.0.1:9 can't be reached: [Errno 111]" in done.stderr
