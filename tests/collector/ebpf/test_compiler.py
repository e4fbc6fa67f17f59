import subprocess
import sys

import pytest
from django.core.management import CommandError, call_command

from collector.ebpf import compiler, support
from tests.conftest import CHECKOUT
from tests.tools import require

INSTALL = "Debian, Ubuntu: apt install clang libbpf-dev.\n"


@pytest.fixture(autouse=True)
def _clang():
    require("clang")


def test_the_same_source_makes_the_same_bytes_that_name_no_folder(tmp_path):
    one, other = tmp_path / "one", tmp_path / "other"
    one.mkdir()
    other.mkdir()

    first, second = compiler.build(one).read_bytes(), compiler.build(other).read_bytes()

    assert first == second
    assert str(CHECKOUT).encode() not in first


def test_nothing_else_is_left_in_the_folder(tmp_path):
    compiler.build(tmp_path)

    assert [each.name for each in tmp_path.iterdir()] == [support.OBJECT]


def test_a_command_builds_beside_the_source(capsys):
    call_command("ebpf", "build")

    assert capsys.readouterr().out == f"{support.OBJECT}: {len(support.programs())} bytes.\n"


def test_without_clang_the_command_says_what_to_install(monkeypatch):
    monkeypatch.setenv("PATH", "")

    with pytest.raises(CommandError) as refused:
        call_command("ebpf", "build")

    assert f"{refused.value}\n" == f"clang is missing. {INSTALL}"


def test_what_does_not_compile_changes_nothing(tmp_path, monkeypatch):
    source = tmp_path / compiler.SOURCE.name
    source.write_text("int broken(\n", encoding="utf-8")
    monkeypatch.setattr(compiler, "SOURCE", source)
    before = tmp_path / support.OBJECT
    before.write_bytes(b"before")

    with pytest.raises(compiler.CompileError, match=r"(?s)clang failed:.+error: expected"):
        compiler.build(tmp_path)

    assert before.read_bytes() == b"before"
    assert sorted(tmp_path.iterdir()) == [source, before]


def test_without_headers_a_build_without_django_says_what_to_install(start):
    mounts = (require("unshare"), "--mount", "sh", "-ec")
    hide = 'mount -t tmpfs none /usr/include/bpf; exec "$0" "$@"'

    told = start(
        "from collector.ebpf import compiler; compiler.main()",
        *mounts,
        hide,
        stderr=subprocess.PIPE,
    ).communicate()[1]

    assert told == f"The headers of libbpf or of the kernel are missing. {INSTALL}"


def test_a_build_needs_no_django():
    build = subprocess.run(
        [sys.executable, "-S", "-m", "collector.ebpf.compiler"],
        cwd=CHECKOUT,
        check=True,
        capture_output=True,
        text=True,
    )

    assert build.stdout.startswith(f"{support.OBJECT}: ")
