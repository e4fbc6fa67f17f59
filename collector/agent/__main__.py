"""`python3 -m collector.agent`, in a checkout: what the archive does, without the archive."""

from __future__ import annotations

import sys

from collector.agent.command import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
