"""Which version this is. Pure."""

import tomllib
from importlib import metadata
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parent.parent / "pyproject.toml"


def version() -> str:
    """Return the version of the checkout, else of the package that is installed."""
    try:
        return str(tomllib.loads(CHECKOUT.read_text(encoding="utf-8"))["project"]["version"])
    except FileNotFoundError:
        return metadata.version("portatlas")
