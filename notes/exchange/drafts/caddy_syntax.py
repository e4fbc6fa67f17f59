"""The syntax of a Caddyfile: words on lines, and blocks of lines. Pure."""

import re
from collections.abc import Iterator
from typing import NamedTuple

from notes.exchange.faults import BadFileError

ENVIRONMENT = re.compile(r"\{\$([A-Za-z_][A-Za-z0-9_]{0,99})(?::([^{}\n]*))?\}")
TOKEN = re.compile(
    r"""
    (?P<blank>[ \t\r\f\v]+ | \\\r?\n | (?<!\S)\#[^\n]*)  # a comment begins where a word would
  | (?P<end>\n)
  | "(?P<quoted>(?:[^"\\]|\\.)*)"
  | `(?P<raw>[^`]*)`
  | <<(?P<mark>[A-Za-z0-9_-]+)\r?\n
  | (?P<word>\S+)
  | (?P<other>\s)
    """,
    re.VERBOSE | re.DOTALL,
)
DEEPEST = 40
MOST_WORDS = 200_000


class Statement(NamedTuple):
    """A line: its words, and the lines of the block that it opens; None if it opens none."""

    line: int
    words: list[str]
    block: list["Statement"] | None = None


class Token(NamedTuple):
    """A word, an end of a line, or a brace that stands alone."""

    line: int
    text: str
    is_mark: bool = False


def resolve(text: str) -> str:
    """
    Return a text with the defaults of its environment; a variable without one stays.

    >>> resolve("{$HOST:localhost}:{$PORT}")
    'localhost:{$PORT}'
    """
    return ENVIRONMENT.sub(lambda found: found[0] if found[2] is None else found[2], text)


def parse(text: str) -> list[Statement]:
    """
    Return the statements of a Caddyfile.

    >>> [site] = parse('a.org,\\nb.org {\\n  respond "x y"  # done\\n}')
    >>> site.words, site.block
    (['a.org,', 'b.org'], [Statement(line=3, words=['respond', 'x y'], block=None)])

    Raises BadFileError where its braces don't fit.
    """
    blocks = _Blocks()
    for token in tokens(text):
        blocks.take(token)
    return blocks.end()


class _Blocks:
    """Puts words together to statements, and statements to blocks, without recursion."""

    def __init__(self) -> None:
        self.levels: list[list[Statement]] = [[]]
        self.words: list[Token] = []
        self.last = 1
        self.left = MOST_WORDS

    def take(self, token: Token) -> None:
        self.last = token.line
        self.left -= 1
        if self.left < 0:
            raise BadFileError.at(token.line, f"It has more than {MOST_WORDS} words.")
        if not token.is_mark:
            self.words.append(token)
        elif token.text == "{":
            self._open()
        elif token.text == "}":
            self._flush()
            self.levels.pop()
            if not self.levels:
                raise BadFileError.at(token.line, "This brace closes nothing.")
        elif len(self.levels) > 1 or not self.words or not self.words[-1].text.endswith(","):
            self._flush()

    def end(self) -> list[Statement]:
        self._flush()
        if len(self.levels) > 1:
            raise BadFileError.at(self.last, "A block is not closed at the end of the file.")
        return self.levels[0]

    def _open(self) -> None:
        block: list[Statement] = []
        line = self.words[0].line if self.words else self.last
        self.levels[-1].append(Statement(line, [word.text for word in self.words], block))
        self.words = []
        self.levels.append(block)
        if len(self.levels) > DEEPEST:
            raise BadFileError.at(self.last, f"This is nested deeper than {DEEPEST} levels.")

    def _flush(self) -> None:
        if self.words:
            words = [word.text for word in self.words]
            self.levels[-1].append(Statement(self.words[0].line, words))
            self.words = []


def tokens(text: str) -> Iterator[Token]:
    """Yield the words of a text, and what stands between them. Raises BadFileError."""
    at, line = 0, 1
    while found := TOKEN.match(text, at):
        at = found.end()
        if found["mark"]:
            at = _end_of(found["mark"], text, at, line)
            yield Token(line, text[found.end() : at])
        elif found["end"]:
            yield Token(line, "\n", is_mark=True)
        elif found["word"]:
            yield Token(line, found["word"], is_mark=found["word"] in {"{", "}"})
        elif found["quoted"] is not None or found["raw"] is not None:
            yield Token(line, found["quoted"] or found["raw"] or "")
        line += text.count("\n", found.start(), at)


def _end_of(mark: str, text: str, at: int, line: int) -> int:
    """Return where a text ends that goes on until a mark of its own."""
    end = re.compile(rf"^[ \t]*{mark}(?!\S)", re.MULTILINE).search(text, at)
    if end is None:
        raise BadFileError.at(line, f"The text that begins with <<{mark[:50]} doesn't end.")
    return end.end()
