#!/usr/bin/env python3
"""
Port Atlas: `python3 manage.py up` runs it, `python3 manage.py test` tests it.

The first start of either sets up the environment; portatlas/_bootstrap.py knows how.
Any Python 3 can read this file, so that an old one ends in a sentence, not a syntax error.
"""

import os
import runpy
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
NEWER = ["python3.14", "python3.13", "python3.12", "python3.11"]


def main():
    if sys.version_info < (3, 11):  # noqa: UP036  # whoever types `python3` may get an old one
        hand_over_to_newer_python()
    if os.environ.get("PORTATLAS_BOOTSTRAP") != "off":
        bootstrap = runpy.run_path(str(HERE / "portatlas" / "_bootstrap.py"))
        bootstrap["ensure"](HERE, sys.argv[1:])
    os.environ["DJANGO_SETTINGS_MODULE"] = "portatlas.settings"
    from django.core.exceptions import ImproperlyConfigured

    try:
        sys.exit(run_tests(sys.argv[2:]) if sys.argv[1:2] == ["test"] else run_django())
    except ImproperlyConfigured as exc:
        sys.exit("port atlas: " + str(exc))
    except KeyboardInterrupt:
        sys.exit(130)  # as a shell says it: ended by SIGINT


def hand_over_to_newer_python():
    for name in NEWER:
        try:  # a name on the PATH may be a shim with nothing behind it
            subprocess.check_call([name, "-c", ""], stderr=subprocess.DEVNULL)  # noqa: S603  # a name of ours
        except (OSError, subprocess.CalledProcessError):
            continue
        os.execvp(name, [name] + sys.argv)  # noqa: RUF005, S606  # old syntax; replaces this process
    sys.exit("port atlas: needs Python 3.11 or newer; this is " + sys.version.split()[0] + ".")


def run_django():
    from django.core.management import execute_from_command_line

    execute_from_command_line(sys.argv)


def run_tests(arguments):
    """Run pytest in the checkout, on all cores when asked for everything."""
    import importlib
    import tempfile

    import pytest

    os.chdir(str(HERE))
    with tempfile.TemporaryDirectory(prefix="port-atlas-test-") as folder:
        os.environ.setdefault("PORTATLAS_DATA", folder)
        importlib.import_module("portatlas.settings")  # pytest would bury a mistake in a traceback
        return pytest.main(arguments or ["-n", "logical"])


if __name__ == "__main__":
    main()
