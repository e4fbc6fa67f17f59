#!/usr/bin/env python3
"""
Install what uv.lock names, each file by its hash, into the folder that is the one argument.

The build stage of the image runs it, before the project itself is there: as long as the lock
stays, so does what this has made. uv is the one that the lock names, got as a checkout gets it.
"""

import runpy
import sys
import tempfile
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parent.parent
OPTIONS = ["--no-dev", "--extra", "notify", "--extra", "postgres", "--no-build"]

uv = runpy.run_path(str(CHECKOUT / "portatlas" / "_uv.py"))
with tempfile.TemporaryDirectory(dir=CHECKOUT) as folder:
    shop = Path(folder)
    with (shop / "lock").open("w") as lock:
        workshop = uv["Workshop"](shop, lock.fileno(), print)
        uv["sync"](CHECKOUT, CHECKOUT / sys.argv[1], OPTIONS, workshop)
