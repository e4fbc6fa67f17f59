r"""
Text that strangers chose, made safe to store, log and show.

Process names, command lines, interfaces and cgroups are bytes that any program may pick:
not UTF-8 (N25), terminal escapes (N27), NUL, a right-to-left override. What can't be
printed is written as a backslash escape, so that it does no harm and still can be seen.

>>> safe(b"caf\xc3\xa9 \xff\x1b[31m")
'café \\xff\\x1b[31m'
"""

from __future__ import annotations

ELLIPSIS = "…"


def safe(value: bytes | str, limit: int = 255) -> str:
    """Return printable text of at most `limit` characters."""
    # An escape is never shorter than what it stands for, so cutting first loses nothing
    # that would be shown, and a name of two megabytes costs no more than a short one.
    if isinstance(value, bytes):
        text = value[: 4 * limit + 4].decode("utf-8", "backslashreplace")
    else:
        text = value[: limit + 1]
    if not text.isprintable():
        text = "".join(each if each.isprintable() else _escape(each) for each in text)
    return text if len(text) <= limit else text[: limit - 1] + ELLIPSIS


def _escape(character: str) -> str:
    code = ord(character)
    if 0xDC80 <= code <= 0xDCFF:  # a byte that was no UTF-8, as os.fsdecode() smuggles it
        return f"\\x{code - 0xDC00:02x}"
    return character.encode("unicode_escape").decode("ascii")
