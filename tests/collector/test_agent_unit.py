"""The agent as a service: its unit as systemd understands it, and what its privileges are for."""

import os
import re
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from collector.agent import archive, unit
from tests.collector.agents import TOKEN
from tests.collector.hubs import certify
from tests.tools import do_without, require

PRINT_VERSION = "import sys; print('python%d.%d' % sys.version_info[:2])"


@pytest.fixture
def file(tmp_path):
    path = tmp_path / archive.NAME
    path.write_bytes(archive.build())
    return path


@pytest.fixture
def token(tmp_path):
    path = tmp_path / "token"
    path.touch(mode=0o600)
    path.write_text(TOKEN)
    return path


def run(*command):
    done = subprocess.run(command, check=False, capture_output=True, text=True)  # noqa: S603  # our own archive
    return done.returncode, done.stdout, done.stderr


def test_the_unit_that_would_be_installed_is_shown(file, token):
    code, out, errors = run(
        sys.executable, file, "--install", "--print", "--hub", "https://atlas.example.org/50%",
        "--token-file", token, "--host", "web-1", "--interval", "30", "--ca-file", token,
    )  # fmt: skip

    assert (code, errors) == (0, "")
    assert (
        f'ExecStart="{sys.executable}" "/usr/local/lib/portatlas-agent/portatlas-agent.pyz" '
        '"--hub" "https://atlas.example.org/50%%" "--host" "web-1" "--interval" "30" '
        '"--ca-file" "/etc/portatlas-agent/ca.pem"\n'
    ) in out
    assert "\nType=exec\n" in out  # what can't be started does not pass for started
    assert "LoadCredential=token:/etc/portatlas-agent/token\n" in out
    assert re.findall("(?m)^(?:Ambient|CapabilityB).*=(.*)$", out) == [unit.CAPABILITIES] * 2
    assert TOKEN not in out


def test_the_privileges_to_be_told_by_the_kernel_are_given_if_asked_for(file, token):
    _, out, _ = run(
        sys.executable, file, "--install", "--print", "--ebpf",
        "--hub", "https://atlas.example.org", "--token-file", token,
    )  # fmt: skip

    assert (
        re.findall("(?m)^(?:Ambient|CapabilityB).*=(.*)$", out)
        == ["CAP_SYS_PTRACE CAP_DAC_READ_SEARCH CAP_BPF CAP_NET_ADMIN CAP_PERFMON"] * 2
    )
    assert re.findall("(?m)^SystemCallFilter=(.*)$", out)[-1] == "bpf"


@pytest.mark.parametrize(("ebpf", "exposure"), [(False, 25), (True, 40)])
def test_systemd_understands_every_line_of_it_and_finds_little_to_fear(tmp_path, ebpf, exposure):
    analyze = require("systemd-analyze")
    service = tmp_path / "portatlas-agent.service"
    command = [sys.executable, "--version"]
    service.write_text(unit.text(command, "/etc/portatlas-agent/token", ebpf=ebpf))

    verified = run(analyze, "verify", "--man=no", service)
    # Of a hundred; a service that says nothing of the kind has 96.
    code, out, _ = run(analyze, "security", "--offline=yes", f"--threshold={exposure}", service)

    assert verified == (0, "", "")
    assert code == 0, out


def test_its_two_privileges_are_enough_to_see_who_holds_a_port_of_root(file):
    if os.geteuid():
        pytest.skip("it takes root to be somebody else")
    setpriv = require("setpriv")
    privileges = "+sys_ptrace,+dac_read_search"
    nobody = [setpriv, "--reuid=65534", "--regid=65534", "--clear-groups", "--no-new-privs"]
    bounds = [
        f"--{each}=-all,{privileges}" for each in ("inh-caps", "ambient-caps", "bounding-set")
    ]
    script = f"""
import json, socket, subprocess
with socket.create_server(("127.0.0.1", 0)) as server:
    command = {[*nobody, *bounds, sys.executable, str(file), "--print"]!r}
    said = json.loads(subprocess.check_output(command))
    [found] = [e for e in said["listeners"] if e["port"] == server.getsockname()[1]]
    print(found["owner_state"], found["user"], len(found["exe"]) > 0, len(found["pids"]))
"""
    assert run(sys.executable, "-c", script) == (0, "known root True 1\n", "")


# A machine with nothing of its own where the agent installs itself, and a systemd that writes down
# what it is told.
BARE = """
set -e
for folder in /etc /run /usr/local/lib /usr/local/bin; do mount -t tmpfs none $folder; done
mkdir -p /etc/systemd/system /run/systemd/system /usr/local/lib/$2/dist-packages
cp -r $3 /usr/local/lib/$2/dist-packages
printf '#!/bin/sh\necho "$@" >>/run/told\n' >/usr/local/bin/systemctl
chmod 755 /usr/local/bin/systemctl
umask 077  # as in the command that the hub gives
PATH=/usr/local/bin:$PATH /usr/bin/python3 $1 --install --hub https://127.0.0.1 --token-file $4 \
  --ca-file $5
cd /etc
stat -c '%a %n' portatlas-agent portatlas-agent/* systemd/system/* /usr/local/lib/portatlas-agent \
  /usr/local/lib/portatlas-agent/*
cat /run/told portatlas-agent/token
cmp portatlas-agent/ca.pem $5
cmp /usr/local/lib/portatlas-agent/portatlas-agent.pyz $1
grep -c ExecStart systemd/system/portatlas-agent.service
! /usr/bin/python3 $1 --install --hub http://127.0.0.1 --token-file $4 --ca-file /nowhere
"""


def test_it_installs_itself_and_starts(file, token, tmp_path):
    certificate, _ = certify(tmp_path)
    user = [] if os.geteuid() == 0 else ["--map-root-user"]
    place = [require("unshare"), *user, "--mount"]
    if not Path("/usr/bin/python3").exists():
        do_without("python3")
    if run(*place, "mount", "-t", "tmpfs", "none", "/etc")[0]:
        pytest.skip("this machine lends us no such place")
    _, version, _ = run("/usr/bin/python3", "-c", PRINT_VERSION)
    values = [file, version.strip(), Path(psutil.__file__).parent, token, certificate]

    code, out, errors = run(*place, "sh", "-c", BARE, "sh", *values)

    assert code == 0, errors
    installed, refused = errors.splitlines()
    assert installed.startswith("portatlas-agent: Installed and started: journalctl --unit ")
    assert refused == "portatlas-agent: It is not installed: No such file or directory (/nowhere)."
    assert out.splitlines() == [
        "755 portatlas-agent",
        "644 portatlas-agent/ca.pem",
        "600 portatlas-agent/token",
        "644 systemd/system/portatlas-agent.service",
        "755 /usr/local/lib/portatlas-agent",
        "644 /usr/local/lib/portatlas-agent/portatlas-agent.pyz",
        "daemon-reload",
        "enable portatlas-agent.service",
        "restart portatlas-agent.service",
        TOKEN,
        "1",
    ]


def test_what_is_missing_is_said(file):
    code, out, errors = run(sys.executable, file, "--install", "--hub", "https://127.0.0.1")

    assert (code, out) == (2, "")
    assert "--install takes --hub URL and --token-file FILE" in errors
