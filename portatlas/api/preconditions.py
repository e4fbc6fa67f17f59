"""If-Match and If-None-Match, by an ETag that is a version, which never comes twice for a key."""

import re
from collections.abc import Callable

from rest_framework.exceptions import ParseError

# RFC 9110, 8.8.3. Django's reader takes a comma within a tag for the end of it.
TAG = re.compile(r'(?:W/)?"[\x21\x23-\x7e\x80-\xff]*"')
TAGS = re.compile(rf"{TAG.pattern}([ \t]*,[ \t]*{TAG.pattern})*")


def etag(version: int | str) -> str:
    """
    Return the entity tag of what is written.

    >>> etag(7)
    '"7"'
    """
    return f'"{version}"'


def fits(headers) -> Callable[[int | str], bool]:
    """
    Return whether a version (0 or "": there is none) is one that a request wants to write on.

    Without either header every version is: the last writer wins. Raises ParseError for a header
    that says no entity tag, for whoever sends one relies on being asked.

    >>> of_seventh = fits({"If-Match": '"7"'})
    >>> of_seventh(7), of_seventh(8), of_seventh(0)
    (True, False, False)
    >>> if_new = fits({"If-None-Match": "*"})
    >>> if_new(7), if_new(0)
    (False, True)
    """
    wanted, unwanted = (_tags(headers, name) for name in ("If-Match", "If-None-Match"))

    def is_so(version: int | str) -> bool:
        if wanted is not None and not _among(wanted, version):
            return False
        weakly = [tag.removeprefix("W/") for tag in unwanted or []]
        return not _among(weakly, version)

    return is_so


def _tags(headers, name: str) -> list[str] | None:
    if name not in headers:
        return None
    text = headers[name].strip()
    if text == "*":
        return ["*"]
    if not TAGS.fullmatch(text):
        raise ParseError(f'{name} says no entity tag: send the ETag as it came, such as "7", or *.')
    return TAG.findall(text)


def _among(tags: list[str], version: int | str) -> bool:
    return bool(version) and ("*" in tags or etag(version) in tags)
