"""
What a message says: a subject, a text and a document, from names that nobody vouches for. Pure.

Every name is cleaned to one line of printable characters before it gets here, see `clean`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

VERSION = 1  # of the document
LONGEST_NAME = 80  # characters
PREFIX = "[Port Atlas]"
RAISED, RECOVERED, TEST = "raised", "recovered", "test"


@dataclass(frozen=True, slots=True)
class Item:
    """One port, or one host, that a message names."""

    name: str  # "8080/tcp on atlas", "atlas"
    said: str  # what else there is to say, as half a sentence
    url: str  # of its page, "" when the installation does not know its own address
    facts: Mapping[str, Any]  # for the document


@dataclass(frozen=True, slots=True)
class Message:
    subject: str
    text: str
    document: dict[str, Any]


def clean(name: object, longest: int = LONGEST_NAME) -> str:
    r"""
    Make one line of printable characters of whatever a process, or a person, calls itself.

    >>> clean("nginx\r\nBcc: all@example.org\x1b[31m")
    'nginx Bcc: all@example.org [31m'
    >>> clean("x" * 100, 5)
    'xxxx…'
    """
    # Lone surrogates and characters that turn the direction of a text are not printable either.
    text = "".join(c if c.isprintable() else " " for c in str(name)[: longest * 4])
    text = " ".join(text.split())
    return text if len(text) <= longest else f"{text[: longest - 1]}…"


def count(n: int, one: str, many: str) -> str:
    """
    >>> count(1, "new port", "new ports"), count(10000, "new port", "new ports")
    ('1 new port', '10,000 new ports')
    """
    return f"{n:,} {one if n == 1 else many}"


def compose(  # noqa: PLR0913  # what a message is made of
    event: str,
    rule: Mapping[str, Any],
    what: str,
    items: Sequence[Item],
    *,
    total: int,
    url: str,
    remark: str = "",
) -> Message:
    """
    Write a message about `total` things, `what` in words, of which the items are the first.

    `rule` is what the document says of the rule: its id, name and kind, and where its page is if
    that is to be told. A remark stands on top.
    """
    about = f": {items[0].name}" if total == 1 and items else ""
    more = total - len(items)
    lines = [f"{what}." if total else what, *([remark] if remark else []), ""]
    for item in items:
        lines.append(f"- {item.name}{': ' if item.said else ''}{item.said}")
        if item.url:
            lines.append(f"  {item.url}")
    if more:
        lines.append(f"... and {more:,} more.")
    if url and (total != 1 or not items or not items[0].url):
        lines += ["", url]
    lines += ["", f"Rule: {rule['name']}", *([f"  {rule['url']}"] if rule.get("url") else [])]
    subject = f"{PREFIX} {what}{about}"
    text = "\n".join(lines).strip() + "\n"
    document = {
        "version": VERSION,
        "event": event,
        "rule": dict(rule),
        "subject": subject,
        "text": text,
        "total": total,
        "more": more,
        "items": [{**item.facts, "name": item.name, "url": item.url} for item in items],
        "url": url,
    }
    return Message(subject, text, document)
