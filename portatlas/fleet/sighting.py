"""Whether the first sweep of a host has come, and if not, how far it got."""

from datetime import datetime, timedelta
from typing import NamedTuple, Self

from collector.models import Host
from portatlas.silence import silent_since
from portatlas.tokens.models import Token, TokenState
from portatlas.words import ago

SKEW = timedelta(minutes=5)  # by which the clock of a host may be behind


class Sighting(NamedTuple):
    """How far a host has got, in a word, and in a sentence. It `is_over` when nothing is due."""

    state: str
    says: str
    is_over: bool = False

    @classmethod
    def of(cls, host: Host | None, token: Token | None, now: datetime) -> Self:
        """Tell it of a host, if it was ever seen, and of the token that it was given last."""
        if token is None or token.state(now) != TokenState.LIVE:
            what = "Its token has expired:" if token else "It has no token of its own that holds:"
            return cls("closed", f"{what} nothing is to come by one.", is_over=True)
        if host and _was_refused(host, token):
            refused = f"A sweep was refused {ago(host.refused_at, now)}:"
            return cls("refused", f"{refused} {host.refused_reason}")
        if host and _has_come(host, token, now):
            last = ago(host.last_look_at, now)
            return cls("came", f"Its sweeps come: the last one {last}.", is_over=True)
        if token.last_used_at:
            used = ago(token.last_used_at, now)
            return cls("shown", f"Its token was shown {used}, but no sweep has come yet.")
        return cls("waiting", "Its token was not shown yet: no sweep has come.")


def _was_refused(host: Host, token: Token) -> bool:
    """Whether the last that came of a host since it has its token could not be taken."""
    at = host.refused_at
    return at is not None and at >= token.created and at > host.last_look_at


def _has_come(host: Host, token: Token, now: datetime) -> bool:
    """Whether the host was looked at since it has its token, by a clock that may be behind."""
    if host.last_look_at >= token.created:
        return True
    return host.last_look_at >= token.created - SKEW and silent_since(host, now) is None
