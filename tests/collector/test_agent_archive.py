"""The archive: the same from the same sources, without Django, and for an old Python."""

import ast
import io
import json
import os
import socket
import subprocess
import sys
import zipfile

import pytest
from django.core.management import CommandError, call_command

from collector.agent import archive
from collector.agent.version import VERSION
from portatlas.version import version
from tests.collector.agents import python39


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    path = tmp_path_factory.mktemp("archive") / archive.NAME
    path.write_bytes(archive.build())
    return path


def run(*command):
    done = subprocess.run(  # noqa: S603  # our own archive
        command, check=False, capture_output=True, text=True, env={"PATH": "/usr/bin:/bin"}
    )
    return done.returncode, done.stdout, done.stderr


def test_the_same_sources_make_the_same_bytes():
    assert archive.build() == archive.build()


def test_what_the_kernel_runs_is_in_it_where_it_was_built(monkeypatch):
    monkeypatch.setattr(archive, "PROGRAMS", "collector/ebpf/port_events.bpf.c")  # is always there
    with zipfile.ZipFile(io.BytesIO(archive.build())) as opened:
        assert "collector/ebpf/port_events.bpf.c" in opened.namelist()

    monkeypatch.setattr(archive, "PROGRAMS", "collector/ebpf/not_built.o")
    with zipfile.ZipFile(io.BytesIO(archive.build())) as opened:
        assert not [each for each in opened.namelist() if each.endswith(".o")]


def test_what_is_in_it_tells_no_time_and_no_place(file):
    with zipfile.ZipFile(file) as opened:
        infos = opened.infolist()
        texts = [opened.read(each) for each in infos]

    assert {each.date_time for each in infos} == {archive.MIDNIGHT}
    assert {each.compress_type for each in infos} == {zipfile.ZIP_STORED}
    assert [each.filename for each in infos] == sorted(each.filename for each in infos)
    assert not any(str(archive.PACKAGES).encode() in each for each in texts)


def test_it_needs_psutil_and_nothing_else_that_python_has_not():
    imported = set()
    for path in archive.modules().values():
        for node in ast.walk(ast.parse(path.read_bytes())):
            if isinstance(node, ast.Import):
                imported |= {each.name.partition(".")[0] for each in node.names}
            elif isinstance(node, ast.ImportFrom):
                imported.add(node.module.partition(".")[0])

    assert imported - sys.stdlib_module_names == {"collector", "psutil"}


def test_no_module_of_it_is_one_that_writes_to_the_database():
    found = archive.modules()

    assert {"collector.look", "collector.agent.loop", "collector.agent.install"} <= found.keys()
    assert not found.keys() & {"collector.services", "collector.models", "collector.agent.archive"}


def test_an_old_python_understands_every_line_of_it():
    for path in archive.modules().values():
        ast.parse(path.read_bytes(), feature_version=(3, 9))


def test_it_runs_without_what_the_project_has_installed(file, tmp_path):
    script = (
        "import sys, runpy, psutil; "
        "sys.path[:] = [each for each in sys.path if 'site-packages' not in each]; "
        f"sys.argv = ['agent', '--print', '--spool', {str(tmp_path)!r}]; "
        f"runpy.run_path({str(file)!r}, run_name='__main__')"
    )

    code, out, errors = run(sys.executable, "-c", script)

    assert (code, errors) == (0, "")
    assert json.loads(out)["source"] == "ss"


def test_it_runs_on_the_oldest_python(file):
    python = python39()
    if python is None:
        pytest.skip("there is no Python 3.9 with psutil")

    code, out, errors = run(python, file, "--print")

    assert (code, errors) == (0, "")
    assert json.loads(out)["verdict"] == "complete"


def test_print_says_what_the_collector_sees(file):
    out = io.StringIO()
    with socket.create_server(("127.0.0.1", 0)) as server:
        call_command("collect", "--dry-run", "--json", stdout=out)
        seen = json.loads(out.getvalue())
        code, printed, errors = run(sys.executable, file, "--print", "--host", seen["host_id"])
        port = server.getsockname()[1]
    told = json.loads(printed)

    assert (code, errors) == (0, "")
    assert told.keys() == seen.keys()
    # Others open and close ports meanwhile; this one was there both times.
    mine, its = (
        [each for each in sweep["listeners"] if each["port"] == port] for sweep in (seen, told)
    )
    assert mine == its
    assert mine[0]["pids"] == [os.getpid()]
    steady = ("host_id", "machine_id", "boot_id", "source", "tool_version", "verdict", "reason")
    assert [told[name] for name in steady] == [seen[name] for name in steady]


def test_its_version_is_that_of_the_project(file):
    assert version() == VERSION
    assert run(sys.executable, file, "--version") == (0, f"portatlas-agent {version()}\n", "")


def test_the_command_writes_it(tmp_path, file):
    out = io.StringIO()

    call_command("agent", "build", str(tmp_path / "agent.pyz"), stdout=out)

    assert (tmp_path / "agent.pyz").read_bytes() == file.read_bytes()
    assert (tmp_path / "agent.pyz").stat().st_mode & 0o777 == 0o755
    assert out.getvalue() == f"{tmp_path / 'agent.pyz'}: {file.stat().st_size} bytes.\n"


def test_the_command_writes_it_here_by_default(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    call_command("agent", "build", stdout=io.StringIO())

    assert [each.name for each in tmp_path.iterdir()] == ["portatlas-agent.pyz"]


def test_where_it_can_not_be_written_is_said_in_a_sentence(tmp_path):
    with pytest.raises(CommandError, match=r"can't be written: No such file or directory\."):
        call_command("agent", "build", str(tmp_path / "no" / "agent.pyz"))


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ([], "where to? It takes --hub URL and --token-file FILE, or --print."),
        (["--hub", "http://127.0.0.1"], "where to?"),
        (["--print", "--host", "a b"], "1 to 64 letters, digits and . _ : -"),
        (["--print", "--interval", "0"], "a whole number of seconds, from 1 to 3600"),
        (["--print", "--interval", "1e3"], "a whole number of seconds, from 1 to 3600"),
        (["--hub", "nowhere", "--token-file", "/dev/null"], "nowhere is no address like https://"),
    ],
)
def test_what_it_can_not_do_is_said_and_ends_with_2(file, arguments, says):
    code, out, errors = run(sys.executable, file, *arguments)

    assert (code, out) == (2, "")
    assert says in " ".join(errors.split())
