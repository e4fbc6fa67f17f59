"""
What an interpreter runs, read from its command line: `python3 -m http.server` is no Python. Pure.

The line was redacted and quoted when it was stored, and may be cut. Whatever can't be made
sense of is nothing.
"""

import re
from collections.abc import Iterator
from typing import NamedTuple

from portatlas.programs import find, without_version

LIMIT = 1024  # characters of a command line; what it runs stands at its beginning
WORD = re.compile(r"'[^']*'|[^\s']+")
ENDING = re.compile(r"\.(?:py|pyc|js|mjs|cjs|ts|jar|war|rb|pl|php|dll|exe|sh)$", re.IGNORECASE)
RELEASE = re.compile(r"-v?\d[\w.+-]*+$")  # of a jar: shop-1.2.3-SNAPSHOT.jar
# shop.wsgi:application, of which the last word may be left out
APPLICATION = re.compile(r"[A-Za-z_][\w.]*(?::[A-Za-z_]\w*|(?<=\.[aw]sgi))").fullmatch
APP_SERVERS = {"gunicorn", "uvicorn", "hypercorn", "daphne", "granian", "waitress-serve", "uwsgi"}

# Parts of a path or of a dotted name that say nothing about the service.
GENERIC = {""} | set(
    """
    __main__ app application asgi backend bin bootstrap boot build cli config core current daemon
    dist home index launcher lib local main opt out project release root run script scripts
    server service site src srv start startup target tmp usr var wsgi www
    """.split()  # noqa: SIM905  # a list of sixty quotes and commas is no easier to read
)


class Options(NamedTuple):
    """How an interpreter's options end before what it runs."""

    named: frozenset[str] = frozenset()  # the next word is what it runs
    inline: frozenset[str] = frozenset()  # the next word is the program itself: it has no name
    valued: frozenset[str] = frozenset()  # the next word belongs to the option
    commands: frozenset[str] = frozenset()  # to be passed over


class Clue(NamedTuple):
    """A name for what listens, and from what it follows."""

    name: str  # as programs.find() may know it
    says: str  # a fragment of a sentence
    title: str = ""  # where it says more than the name


NOTHING = Clue("", "")


def _options(named: str = "", inline: str = "", valued: str = "", commands: str = "") -> Options:
    return Options(*(frozenset(each.split()) for each in (named, inline, valued, commands)))


PYTHON = _options(named="-m", inline="-c -", valued="-W -X")
NODE = _options(
    inline="-e -p --eval --print -",
    valued="-r --require --import --loader -C --conditions",
    commands="run serve start",
)
JAVA = _options(
    named="-jar -m --module",
    valued="-cp -classpath --class-path -p --module-path --add-opens --add-exports --add-modules",
)
SHELL = _options(inline="-c -lc -", valued="-o")
INTERPRETERS = {
    **dict.fromkeys(["python", "pypy"], PYTHON),
    **dict.fromkeys(["node", "nodejs", "bun", "deno"], NODE),
    "java": JAVA,
    "ruby": _options(inline="-e -", valued="-I -r -C"),
    "perl": _options(inline="-e -E -", valued="-I"),
    "php": _options(inline="-r -", valued="-c -d"),
    **dict.fromkeys(["bash", "dash", "sh", "zsh", "ash"], SHELL),
    **dict.fromkeys(["dotnet", "mono"], _options(commands="exec run")),
    **dict.fromkeys(["lua", "erl", "beam.smp", "busybox"], _options()),
}


def is_interpreter(program: str) -> bool:
    """Whether a program's name says nothing about the service: `python3.11`, `java`."""
    return without_version(program) in INTERPRETERS


def clues(program: str, cmdline: str) -> Iterator[Clue]:
    """
    Yield what an interpreter or a server of applications runs, the most telling first.

    >>> [clue.says for clue in clues("python3.11", "/usr/bin/python3 -m http.server 8000")]
    ['the module http.server']
    """
    words = [word.strip("'") for word in WORD.findall(cmdline[:LIMIT])]
    name = without_version(program)
    what = _what_runs(name, words) if name in INTERPRETERS else NOTHING
    if without_version(what.name or name) in APP_SERVERS:
        yield from _applications(words)
    if what.name:
        yield what


def _what_runs(program: str, words: list[str]) -> Clue:
    title = _base(words[0]).lstrip("-").rstrip(":") if words else ""
    if title and not is_interpreter(title):
        # "puma 6.4.2 (tcp://0.0.0.0:3000) [shop]": it gave itself a title, and has no arguments.
        return Clue(title, f"what {program} calls itself, {title}")
    if program == "php" and "-S" in words:
        return Clue("php-server", "the command php -S")
    options = INTERPRETERS[program]
    rest = iter(words[1:])
    for word in rest:
        if word in options.inline:
            break
        if word in options.named:
            return _thing(next(rest, ""), "archive" if word == "-jar" else "module")
        if word in options.valued:
            next(rest, None)
        elif not word.startswith("-") and word not in options.commands:
            return _thing(word, "class" if program == "java" else "script")
    return NOTHING


def _thing(thing: str, kind: str) -> Clue:
    """Name what is run after the first part of it, from its end, that tells something."""
    base = _base(thing)
    stem = RELEASE.sub("", ENDING.sub("", base))
    says = f"the {kind} {base}"
    if find(thing) or find(base):
        return Clue(base, says)
    if kind in {"module", "class"}:
        parts = thing.partition("/")[0].split(".")  # Java: module/class
    else:
        # The name of whose home it is says nothing either.
        folders = re.sub(r"^/home/[^/]*", "", thing).split("/")[:-1]
        parts = [*folders, stem]
    telling = (part for part in reversed(parts) if part.strip(".").lower() not in GENERIC)
    return Clue(next(telling, base), says)


def _applications(words: list[str]) -> Iterator[Clue]:
    for word in words:
        application = word.strip("[]")
        if APPLICATION(application):
            parts = reversed(application.partition(":")[0].split("."))
            telling = next((part for part in parts if part.lower() not in GENERIC), "")
            if telling:
                yield Clue(telling, f"the application {application}")
            return


def _base(path: str) -> str:
    return path.rpartition("/")[2]
