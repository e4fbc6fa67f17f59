r"""
Command lines made fit to be stored: readable, on one line, without their secrets.

Covered, each by a test: options and assignments whose name says so (`--password x`,
`--api-key=x`, `-Dspring.password=x`, `DB_TOKEN=x`, `password: x`, also inside a longer
argument), the short options of the programs in `programs_with_secrets`, passwords in URLs,
`?token=x`, Authorization and similar headers, private keys, and tokens known by their looks.
A name that ends in what is no secret (`--password-file`, `TOKEN_TTL`) keeps its value; in
doubt the value is hidden. Not covered: a secret that nothing tells from any other word.

>>> redact(["mysqld", "--port", "3306", "--password=hunter2", "--init-file", "/x y"])
"mysqld --port 3306 --password=*** --init-file '/x y'"
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Sequence

from collector.patterns import compiled
from collector.secrets import (
    GLUED,
    KEY_FILE,
    LOOKS,
    MASK,
    SEPARATE,
    VALUE,
    is_secret,
    is_switch,
)
from collector.text import ELLIPSIS, safe

LIMIT = 4096
LONGEST = 65_536  # of one argument; more is not looked at, and never shown
DEPTH = 4  # of quotes within quotes

NAME = re.compile(r"-{0,2}[\w.\[\]-]+").fullmatch
OPTION = re.compile(r"--?([A-Za-z][\w.-]*)").fullmatch
LONG_OPTION = re.compile(r"--[a-z][\w-]*(?:=.*)?", re.DOTALL).fullmatch
PLAIN = re.compile(r"[\w@%+=:,./-]+", re.ASCII).fullmatch
RUNS_SCRIPT = re.compile(r"-[a-z]*c").fullmatch  # sh -c, bash -lc
NAMED = compiled(r"(?<![\w.\[\]-])-{0,2}+([\w.\[\]-]++)[\"']?\s*+[:=]\s*+")
QUOTED = re.compile(r"([\"'])(.*)\1", re.DOTALL).fullmatch
WORDS = re.compile(r"(?:\"[^\"]*\"?|'[^']*'?|[^\s\"'])+|\s+")


def redact(argv: Sequence[str]) -> str:
    """Return the command line as one line of safe text with its secrets replaced by `***`."""
    arguments = list(argv)
    while arguments and not arguments[-1]:  # what a program that retitled itself leaves behind
        arguments.pop()
    words: list[str] = []
    length = 0
    for word in _hidden(arguments):
        # A lone argument is a title that a program gave itself: "nginx: master process ...".
        words.append(_quoted(word) if len(arguments) > 1 else safe(word, LIMIT))
        length += len(words[-1]) + 1
        if length > LIMIT:
            break
    line = " ".join(words)
    return line if len(line) <= LIMIT else line[: LIMIT - 1] + ELLIPSIS


def _hidden(arguments: Sequence[str], depth: int = 0) -> Iterator[str]:
    """Yield each argument with what is secret in it hidden."""
    program = previous = ""
    for number, argument in enumerate(arguments):
        if _asks_for_secret(program, previous, argument):
            yield MASK
            previous = ""
            continue
        # `sudo mysql`, `sshpass -p x ssh`: the last program named is the one that counts.
        named = re.split(r"[/;|&(]", argument.strip("\"'")[-64:])[-1].lower()
        if named in GLUED or named in SEPARATE:
            program = named
        if argument[:1] == "-" and len(argument) > 2 and argument[1] in GLUED.get(program, ""):
            yield argument[:2] + MASK
            previous = ""
            continue
        is_script = (number == 0 and not depth) or bool(RUNS_SCRIPT(previous))
        yield _hidden_in(argument, depth, is_script=is_script)
        previous = argument


def _asks_for_secret(program: str, previous: str, argument: str) -> bool:
    """Whether the previous argument is an option that has this one for its secret."""
    match = OPTION(previous)
    if not match or LONG_OPTION(argument):
        return False
    name = match[1]
    if name in SEPARATE.get(program, ()):
        return True
    return is_secret(name) and not is_switch(name) and not KEY_FILE(argument)


def _hidden_in(argument: str, depth: int, *, is_script: bool) -> str:
    """Hide what is secret in one argument, which may hold a whole command line itself."""
    if len(argument) > LONGEST:
        # What the end hides can't be told when the end is missing, so that is dropped too.
        return _hidden_in(argument[:LONGEST], depth, is_script=is_script)[:-LIMIT]
    if depth > DEPTH:
        return MASK
    if quoted := QUOTED(argument):
        inner = _hidden_in(quoted[2], depth + 1, is_script=True)
        return f"{quoted[1]}{inner}{quoted[1]}"
    words = WORDS.findall(argument)
    if not is_script or len(words) == 1:
        # All this is one value, blanks and all: the kernel says so.
        names = argument.split("=")
        for number, name in enumerate(names[:-1], 1):
            if not NAME(name):
                break
            if is_secret(name.lstrip("-")):
                value = "=".join(names[number:])
                return "=".join([*names[:number], value if KEY_FILE(value) else MASK])
    for looks, replacement in LOOKS:
        argument = looks.sub(replacement, argument)
    argument = _hidden_pairs(argument)
    words = WORDS.findall(argument)
    if len(words) < 2:
        return argument
    hidden = _hidden([each for each in words if not each.isspace()], depth + 1)
    return "".join(each if each.isspace() else next(hidden) for each in words)


def _hidden_pairs(text: str) -> str:
    """Hide the value of every `name=value` and `"name": "value"` that is a secret."""
    parts = []
    end = 0
    for match in NAMED.finditer(text):
        if match.start() < end or not is_secret(match[1]):
            continue
        value = VALUE(text, match.end())
        if value and not KEY_FILE(value[0]):
            parts += [text[end : match.end()], MASK]
            end = value.end()
    return "".join([*parts, text[end:]])


def _quoted(word: str) -> str:
    text = safe(word, LIMIT)
    return text if PLAIN(text.replace(MASK, "x")) else shlex.quote(text)
