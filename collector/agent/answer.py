"""What a hub answers, and what it asks the agent to do. Pure."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any

from collector.text import safe

OUTCOMES = {"recorded", "unchanged", "repeated"}
DIGEST = re.compile(r"[0-9a-f]{1,128}", re.ASCII).fullmatch


class Then(Enum):
    """What follows from an answer."""

    GO_ON = "the hub has it"
    LATE = "the hub has a newer one; this one can go"
    SEND_WHOLE = "the hub does not know the digest any more"
    DROP = "the hub will never take it"
    BE_LET_IN = "the hub takes nothing from us until somebody does something"
    TRY_AGAIN = "the hub could not take it just now, or nobody is there"


THEN = {
    400: Then.DROP,
    401: Then.BE_LET_IN,
    403: Then.BE_LET_IN,
    409: Then.LATE,
    412: Then.SEND_WHOLE,
    413: Then.DROP,
    422: Then.DROP,
}


@dataclass(frozen=True)
class Answer:
    then: Then
    why: str = ""  # a sentence, where something is wrong
    digest: str = ""  # by which the hub knows what it was told; "" if it wants the next one whole
    is_suspect: bool = False  # the hub doubts it, and asks for a second look
    retry_after: float = 0  # seconds that the hub asks to be left alone


def understand(status: int, headers: Mapping[str, str], body: bytes) -> Answer:
    """
    Say what an answer means. Whatever is no answer of a hub asks to try again.

    >>> understand(412, {}, b"").then
    <Then.SEND_WHOLE: 'the hub does not know the digest any more'>
    """
    told = _object(body)
    if status == 200:
        return _taken(told)
    why = _why(status, told)
    if status in {400, 422} and not told:
        return Answer(Then.TRY_AGAIN, why)  # it is of something before the hub, not of this sweep
    if status in THEN:
        return Answer(THEN[status], why)
    if 300 <= status < 400:
        where = safe(headers.get("Location") or "nowhere", 200)
        why = f"It leads on to {where}, where the token is not sent. Name that address by --hub."
        return Answer(Then.TRY_AGAIN, why)
    return Answer(Then.TRY_AGAIN, why, retry_after=_seconds(headers.get("Retry-After") or ""))


def _taken(told: Mapping[str, Any]) -> Answer:
    outcome = told.get("outcome")
    if not isinstance(outcome, str) or outcome not in OUTCOMES:
        return Answer(Then.TRY_AGAIN, "It does not answer as a hub of Port Atlas does.")
    digest = told.get("digest")
    return Answer(
        Then.GO_ON,
        digest=digest if isinstance(digest, str) and DIGEST(digest) else "",
        is_suspect=told.get("verdict") == "suspect",
    )


def _why(status: int, told: Mapping[str, Any]) -> str:
    detail = told.get("detail") or told.get("title")
    if isinstance(detail, str):
        return f"It answers {status}: {safe(detail, 300)}"
    doubt = ", not as a hub does: is its address right?" if 400 <= status < 500 else "."
    return f"It answers {status}{doubt}"


def _object(body: bytes) -> Mapping[str, Any]:
    try:
        told = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    return told if isinstance(told, dict) else {}


def _seconds(retry_after: str) -> float:
    return float(retry_after) if re.fullmatch(r"[0-9]{1,9}", retry_after.strip()) else 0
