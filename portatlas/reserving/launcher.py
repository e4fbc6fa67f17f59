"""
Wait for ports, then become the command that is to have them.

    python -I -S portatlas/launcher.py HANDLE CMD...

HANDLE is a pipe through which comes, as JSON, what is to be added to the environment. If it ends
without that, whoever was to lease the ports has died or was refused, and CMD is not run. So there
is a process to lease them to before CMD runs, and that process is CMD afterwards.

Standard library only, and run as a file: importing the package would load Celery.
"""

import json
import os
import signal
import sys

NO_LEASE = 1
CANT_RUN, NOT_FOUND = 126, 127  # as a shell says it


def main() -> int:
    with open(int(sys.argv[1]), encoding="utf-8") as pipe:  # noqa: PTH123  # a pipe has no path
        told = pipe.read()
    if not told:
        return NO_LEASE
    # Python ignores them, which is nothing that a command should inherit.
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    signal.signal(signal.SIGXFSZ, signal.SIG_DFL)
    command = sys.argv[2:]
    try:
        os.execvpe(command[0], command, os.environ | json.loads(told))  # noqa: S606  # what it is for
    except OSError as exc:
        name = ascii(command[0])[:200]
        sys.stderr.write(f"port atlas: {name} can't be run: {exc.strerror}.\n")
        return NOT_FOUND if isinstance(exc, FileNotFoundError) else CANT_RUN


if __name__ == "__main__":
    sys.exit(main())
