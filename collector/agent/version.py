"""Which version of the agent this is: that of the project, which a file by itself can't ask."""

from __future__ import annotations

VERSION = "0.1.0"
