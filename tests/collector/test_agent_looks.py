"""What an agent makes of looks that are hard to believe, on real ports of a network of its own."""

from tests.collector.crowd import told_in

UNSHARE = ("unshare", "--map-root-user", "--net")
SCRIPT = """
import json, socket
from datetime import datetime, timezone
from collector import reader
from collector.agent.looks import Looks
from collector.look import Watch

looked = []
look = Watch.look
def counted(self, *arguments, **options):
    looked.append(look(self, *arguments, **options))
    return looked[-1]
Watch.look = counted

def told(report):
    head = report.head
    ports = len(report.listeners())
    return head["verdict"], head.get("confirmed"), ports, bool(report.content)

looks = Looks("atlas", 15, lambda: datetime.now(timezone.utc))
servers = [socket.create_server(("", 0)) for _ in range(5)]
"""


def answer(script):
    return told_in(UNSHARE, SCRIPT + script)


def test_half_of_the_ports_gone_at_once_is_looked_at_again_and_confirmed():
    said = answer("""
first = told(looks.take())
for each in servers[:3]:
    each.close()
second = told(looks.take())
looks_until_then = len(looked)
third = told(looks.take())
print(json.dumps([first, second, looks_until_then, third, len(looked)]))
""")

    assert said == [
        ["complete", None, 5, True],
        ["complete", True, 2, False],
        3,
        ["complete", None, 2, True],
        4,
    ]


def test_less_than_half_is_believed_at_first_sight():
    said = answer("""
looks.take()
for each in servers[:2]:
    each.close()
print(json.dumps([told(looks.take()), len(looked)]))
""")

    assert said == [["complete", None, 3, True], 2]


def test_a_machine_without_any_port_is_confirmed_to_have_none():
    said = answer("""
for each in servers:
    each.close()
print(json.dumps([told(looks.take()), len(looked)]))
""")

    assert said == [["suspect", True, 0, False], 2]


def test_a_look_that_psutil_contradicts_is_not_confirmed():
    """N56: however often ss says so."""
    said = answer("""
import pathlib, tempfile
looks.take()
with tempfile.TemporaryDirectory() as folder:
    blind = pathlib.Path(folder, "ss")
    blind.write_text("#!/bin/true")
    blind.chmod(0o755)
    reader.PATHS = [str(blind)]
    print(json.dumps([told(looks.take()), len(looked)]))
""")

    assert said == [["suspect", None, 0, False], 3]


def test_a_hub_that_doubts_gets_a_look_that_agrees_as_confirmed():
    said = answer("""
first = told(looks.take())
print(json.dumps([first, told(looks.take_again()), len(looked)]))
""")

    assert said == [["complete", None, 5, True], ["complete", True, 5, False], 2]
