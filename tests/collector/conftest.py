import stat

import pytest

from collector import reader


@pytest.fixture
def fake_ss(tmp_path, monkeypatch):
    """Return a function that puts a shell script in the place of ss."""

    def fake_ss(script, version="iproute2-6.1.0"):
        path = tmp_path / "ss"
        path.write_text(f"#!/bin/sh\n[ $1 = -V ] && exec echo ss utility, {version}\n{script}\n")
        path.chmod(path.stat().st_mode | stat.S_IXUSR)
        monkeypatch.setattr(reader, "PATHS", [str(path)])

    yield fake_ss
    reader._version.cache_clear()
