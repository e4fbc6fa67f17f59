"""
A uv that notes how it was called and makes an environment with a small Django and pytest.

They repeat what they were given, so that a test sees what would have reached the real ones.
FAKE_UV_FAILS makes it fail; FAKE_UV_WAITS_FOR names a file that it waits for, half-way.
"""

import json
import os
import sys
import time
from pathlib import Path

REPEAT = "import json, os, sys; print(json.dumps([sys.prefix, os.getcwd(), *{}]))"
PACKAGES = {
    "django/__init__.py": "",
    "django/core/__init__.py": "",
    "django/core/exceptions.py": "class ImproperlyConfigured(Exception): pass",
    "django/core/management.py": f"def execute_from_command_line(argv): {REPEAT.format('argv')}",
    "pytest.py": f"def main(argv): {REPEAT.format('argv')}; return 7",
}


def main() -> None:
    call = {"arguments": sys.argv[1:], "environment": dict(os.environ)}
    with Path(os.environ["FAKE_UV_LOG"]).open("a", encoding="utf-8") as log:
        log.write(json.dumps(call) + "\n")
    if "FAKE_UV_FAILS" in os.environ:
        sys.exit("error: unrecognized subcommand 'sync'")
    make(Path(os.environ["UV_PROJECT_ENVIRONMENT"]))
    if file := os.environ.get("FAKE_UV_WAITS_FOR"):
        while not Path(file).exists():
            time.sleep(0.01)


def make(venv: Path) -> None:
    python = Path(sys.argv[sys.argv.index("--python") + 1]).resolve()
    (venv / "bin").mkdir(parents=True, exist_ok=True)
    (venv / "bin" / "python").unlink(missing_ok=True)
    (venv / "bin" / "python").symlink_to(python)
    (venv / "pyvenv.cfg").write_text(f"home = {python.parent}\n", encoding="utf-8")
    version = "{}.{}".format(*sys.version_info)
    for name, source in PACKAGES.items():
        file = venv / "lib" / f"python{version}" / "site-packages" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(source + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
