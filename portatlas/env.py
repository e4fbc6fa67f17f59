"""Read settings from the environment, loudly.

A value that is present but malformed is a deployment mistake, so it raises
ImproperlyConfigured instead of falling back to a default.
"""

import os
from pathlib import Path

from django.core.exceptions import ImproperlyConfigured

TRUE, FALSE = {"1", "true", "yes", "on"}, {"0", "false", "no", "off", ""}


def text(name: str, default: str) -> str:
    """Return $NAME, or the content of the file that $NAME_FILE points to (for secrets)."""
    if path := os.environ.get(f"{name}_FILE"):
        try:
            return Path(path).read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as exc:
            raise ImproperlyConfigured(f"{name}_FILE: {exc}") from exc
    return os.environ.get(name, default)


def flag(name: str, *, default: bool) -> bool:
    value = os.environ.get(name, str(default)).strip().lower()
    if value not in TRUE | FALSE:
        raise ImproperlyConfigured(f"{name} must be true or false, not {value!r}.")
    return value in TRUE


def number(name: str, default: int, *, least: int = 0) -> int:
    value = os.environ.get(name, str(default))
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
