"""A fresh clone for the bootstrap to set up: the real manage.py, a small lock, a fake uv."""

import base64
import hashlib
import json
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

from portatlas import _uv

CHECKOUT = Path(__file__).resolve().parents[2]
FILES = ["manage.py", "portatlas/_bootstrap.py", "portatlas/_uv.py"]
PYTHON = str(Path(sys.executable).resolve())  # not the environment's that runs this test
FAKE_UV = f'#!/bin/sh\nexec "{PYTHON}" "{Path(__file__).with_name("fake_uv.py")}" "$@"\n'


class Clone:
    """Starts manage.py as a user would, with nothing in the environment but what is said."""

    def __init__(self, folder: Path):
        self.folder = folder / "a clone"
        self.path = folder / "bin"
        self.venv = self.folder / ".venv"
        self.private = self.folder / ".uv"
        self.log = folder / "calls"
        for name in FILES:
            (self.folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(CHECKOUT / name, self.folder / name)
        (self.folder / "portatlas" / "__init__.py").touch()
        (self.folder / "portatlas" / "settings.py").touch()
        self.path.mkdir()
        self.home = folder / "home"
        self.home.mkdir()
        self.lock_uv("http://127.0.0.1:9/uv-1.0-py3-none-any.whl", b"")

    def lock_uv(self, url: str, wheel: bytes) -> None:
        digest = hashlib.sha256(wheel).hexdigest()
        (self.folder / "uv.lock").write_text(
            f'[[package]]\nname = "uv"\nversion = "1.0"\n'
            f'wheels = [{{ url = "{url}", hash = "sha256:{digest}" }}]\n',
            encoding="utf-8",
        )

    def put_uv_on_path(self) -> None:
        (self.path / "uv").write_text(FAKE_UV, encoding="utf-8")
        (self.path / "uv").chmod(0o755)

    def begin(self, *arguments: str, python=PYTHON, **environment: str) -> subprocess.Popen:
        own = {
            "PATH": str(self.path),
            "HOME": str(self.home),
            "FAKE_UV_LOG": str(self.log),
            "PIP_NO_INDEX": "1",  # no test leaves this machine
        }
        return subprocess.Popen(  # noqa: S603  # our own manage.py
            [python, str(self.folder / "manage.py"), *arguments],
            cwd=self.home,
            env=own | environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def start(self, *arguments: str, **environment: str) -> subprocess.CompletedProcess:
        process = self.begin(*arguments, **environment)
        out, err = process.communicate(timeout=60)
        return subprocess.CompletedProcess(arguments, process.returncode, out, err)

    @property
    def calls(self) -> list[dict]:
        """How uv was called, each time that it was."""
        lines = self.log.read_text(encoding="utf-8").splitlines() if self.log.exists() else []
        return [json.loads(line) for line in lines]


def wheel_of_fake_uv(folder: Path) -> Path:
    """Make a wheel for this machine, with all that pip asks of one."""
    kind, version, processor = _uv.this_system()
    tag = f"{kind}_{'_'.join(map(str, version))}_{processor}"
    info = "uv-1.0.dist-info"
    files = {
        "uv-1.0.data/scripts/uv": FAKE_UV,
        f"{info}/METADATA": "Metadata-Version: 2.1\nName: uv\nVersion: 1.0\n",
        f"{info}/WHEEL": f"Wheel-Version: 1.0\nRoot-Is-Purelib: false\nTag: py3-none-{tag}\n",
    }
    record = "".join(f"{name},{digest(text)},{len(text)}\n" for name, text in files.items())
    files[f"{info}/RECORD"] = f"{record}{info}/RECORD,,\n"
    wheel = folder / f"uv-1.0-py3-none-{tag}.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        for name, text in files.items():
            entry = zipfile.ZipInfo(name)
            entry.external_attr = 0o100755 << 16
            archive.writestr(entry, text)
    return wheel


def digest(text: str) -> str:
    raw = hashlib.sha256(text.encode()).digest()
    return "sha256=" + base64.urlsafe_b64encode(raw).decode().rstrip("=")
