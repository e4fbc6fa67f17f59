"""
The command that makes a machine report to this hub. Pure.

It is pasted into a shell. The secret stands in a here-document, which becomes a file that only
root can read: in no list of processes, in no environment. Python alone is needed, as the agent
needs it anyway; and sudo, unless the shell is root's.
"""

from shlex import quote
from string import Template
from urllib.parse import urlsplit

# It begins with a blank: most shells keep such a command out of their history.
COMMAND = Template("""\
 $$([ "$$(id -u)" = 0 ] || echo sudo) sh <<'PORTATLAS'
set -eu
umask 077
folder=$$(mktemp -d)
trap 'rm -rf "$$folder"' EXIT
cd "$$folder"
cat >token <<'TOKEN'
$secret
TOKEN
python3 - $hub <<'PYTHON'
import sys
from urllib.error import HTTPError
from urllib.request import Request, urlopen

hub, name = sys.argv[1], "portatlas-agent.pyz"
with open("token") as file:
    shown = {"Authorization": "Bearer " + file.read().strip()}
try:
    with urlopen(Request(hub + "/agent.pyz", headers=shown), timeout=60) as answer:
        agent = answer.read()
except HTTPError as error:
    sys.exit(error.read(2000).decode("utf-8", "replace").strip())
except OSError as error:
    sys.exit("%s can't be reached: %s" % (hub, getattr(error, "reason", error)))
with open(name, "wb") as file:
    file.write(agent)
PYTHON
python3 portatlas-agent.pyz --hub $hub --host $host --token-file token --install </dev/null
PORTATLAS
""")


def command(hub: str, host_id: str, secret: str) -> str:
    """Return the command for a host. `hub` is the address of this installation."""
    return COMMAND.substitute(hub=quote(hub), host=quote(host_id), secret=secret)


def caution(hub: str) -> str:
    """
    Say what may go wrong with an address, "" if nothing seems to.

    >>> caution("https://atlas.example.org")
    ''
    >>> caution("http://127.0.0.1:8000")[:46]
    'This address leads from another machine to its'
    >>> caution("http://atlas.example.org")[:29]
    'The token travels in clear to'
    """
    parts = urlsplit(hub)
    where = parts.hostname or ""
    if where in {"localhost", "::1"} or where.startswith("127."):
        return (
            "This address leads from another machine to itself: open this page by a name that "
            "others reach, or set PORTATLAS_URL."
        )
    if parts.scheme != "https":
        return f"The token travels in clear to {where}: whoever listens on the way can take it."
    return ""
