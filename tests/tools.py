"""Tools that a test needs and a machine may lack."""

import os
import shutil
from typing import NoReturn

import pytest


def require(name: str) -> str:
    """Return the path of a program. Without it the test is skipped; CI installs it, and fails."""
    path = shutil.which(name, path=f"{os.environ['PATH']}:/usr/sbin:/usr/local/bin")
    if path is None:
        do_without(name)
    return path


def do_without(name: str) -> NoReturn:
    (pytest.fail if os.environ.get("CI") else pytest.skip)(f"{name} is not installed")
