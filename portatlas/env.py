"""Read settings from the environment, loudly.

A value that is present but malformed is a deployment mistake, so it raises
ImproperlyConfigured instead of falling back to a default. An empty variable is none; an empty
file is a mistake.
"""

import os
import re
from pathlib import Path
from urllib.parse import quote, urlsplit

import dj_database_url
from django.core.exceptions import ImproperlyConfigured

TRUE, FALSE = {"1", "true", "yes", "on"}, {"0", "false", "no", "off"}


def text(name: str, default: str) -> str:
    """Return $NAME, or the content of the file that $NAME_FILE points to (for secrets)."""
    if path := os.environ.get(f"{name}_FILE"):
        try:
            value = Path(path).read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as exc:
            raise ImproperlyConfigured(f"{name}_FILE: {exc}") from exc
        if not value:  # or each service would make a secret key of its own
            raise ImproperlyConfigured(f"{name}_FILE: {path} is empty.")
        return value
    return os.environ.get(name) or default


def source(name: str) -> str:
    """Return where `text` has $NAME from, in words: a file, a variable, or "" if from neither."""
    if path := os.environ.get(f"{name}_FILE"):
        return f"{path} ({name}_FILE)"
    return name if os.environ.get(name) else ""


def must_match(name: str, value: str, pattern: str) -> str:
    if not re.fullmatch(pattern, value):
        raise ImproperlyConfigured(f"{name} must match {pattern}.")  # the value may be a secret
    return value


def matching(name: str, default: str, pattern: str) -> str:
    return must_match(name, text(name, default), pattern)


def url(name: str, default: str = "") -> str:
    """Return the URL $NAME; its password may stand by itself, in $NAME_PASSWORD."""
    value, password = text(name, default), text(f"{name}_PASSWORD", "")
    if not password:
        return value
    try:
        parts = urlsplit(value)
        user, _, host = parts.netloc.rpartition("@")
    except ValueError:
        host = ""
    if not host or ":" in user:
        raise ImproperlyConfigured(
            f"{name}_PASSWORD is for a {name} with a host, and without a password of its own."
        )
    return parts._replace(netloc=f"{user}:{quote(password, safe='')}@{host}").geturl()


def matching_url(name: str, default: str, pattern: str) -> str:
    return must_match(name, url(name, default), pattern)


def database(name: str) -> dict | None:
    """Return the database that a URL names, None without one."""
    try:
        value = url(name)
        return dict(dj_database_url.parse(value)) if value else None
    except ValueError as exc:  # not repeated: the URL has a password in it
        raise ImproperlyConfigured(
            f"{name} must be a URL like postgres://user:password@host/name."
        ) from exc


def flag(name: str, *, default: bool) -> bool:
    value = text(name, str(default)).strip().lower()
    if value not in TRUE | FALSE:
        raise ImproperlyConfigured(f"{name} must be true or false, not {value!r}.")
    return value in TRUE


def number(name: str, default: int, *, least: int = 0) -> int:
    value = text(name, str(default))
    try:
        result = int(value)
    except ValueError as exc:
        raise ImproperlyConfigured(f"{name} must be a whole number, not {value!r}.") from exc
    if result < least:
        raise ImproperlyConfigured(f"{name} must be {least} or more, not {result}.")
    return result


def words(name: str, default: str = "") -> list[str]:
    """Split a comma-separated variable, ignoring blanks."""
    return [word for word in map(str.strip, text(name, default).split(",")) if word]
