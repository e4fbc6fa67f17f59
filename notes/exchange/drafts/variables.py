"""Variables of compose files, as far as their defaults tell them: the environment isn't ours."""

import re

EXPRESSION = re.compile(r"([A-Za-z_][A-Za-z0-9_]*)(:?[-+?])?(.*)", re.DOTALL)
NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
DEEPEST = 10
LONGEST = 1000


class UnresolvedError(Exception):
    """A variable has no default; its name is the message."""


def resolve(text: str, depth: int = 0) -> str:
    """
    Return a text with the defaults of its variables.

    >>> resolve("${HOST:-127.0.0.1}:${PORT-${OTHER:-80}}:80"), resolve("$$x${MAYBE:+8080}")
    ('127.0.0.1:80:80', '$x')

    Raises UnresolvedError.
    """
    if depth > DEEPEST or len(text) > LONGEST:
        raise UnresolvedError(text[:50])
    parts, at = [], 0
    while (dollar := text.find("$", at)) >= 0:
        parts.append(text[at:dollar])
        follows = text[dollar + 1 : dollar + 2]
        if follows == "{":
            end = _end(text, dollar + 2)
            parts.append(_default(text[dollar + 2 : end], depth))
            at = end + 1
        elif name := NAME.match(text, dollar + 1):
            raise UnresolvedError(name[0])
        else:
            parts.append("$")
            at = dollar + (2 if follows == "$" else 1)
    return "".join([*parts, text[at:]])


def _end(text: str, start: int) -> int:
    """Return where the brace is that closes an expression."""
    depth = 1
    for place in range(start, len(text)):
        depth += {"{": 1, "}": -1}.get(text[place], 0)
        if depth == 0:
            return place
    raise UnresolvedError(text[start : start + 50])


def _default(expression: str, depth: int) -> str:
    found = EXPRESSION.fullmatch(expression)
    if not found:
        raise UnresolvedError(expression[:50])
    name, operator, word = found.groups()
    if operator in {"-", ":-"}:
        return resolve(word, depth + 1)
    if operator in {"+", ":+"}:  # which is for a variable that is set
        return ""
    raise UnresolvedError(name)
