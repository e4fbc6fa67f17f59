"""Tools that a test needs and a machine may lack."""

import os
import shutil

import pytest


def require(name: str) -> str:
    """Return the path of a program. Without it the test is skipped; CI installs it, and fails."""
    path = shutil.which(name, path=f"{os.environ['PATH']}:/usr/sbin:/usr/local/bin")
    if path is None:
        (pytest.fail if os.environ.get("CI") else pytest.skip)(f"{name} is not installed")
    return path
