"""Whether the first sweep of a host has come, and if not, how far it got."""

from datetime import datetime, timedelta
from typing import NamedTuple, Self

from collector.models import Host
from portatlas.hosts import was_refused
from portatlas.silence import last_look, silent_since
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
        refused = _refused(host, token, now) if host else ""
        if host and refused and host.refused_at > last_look(host):
            return cls("refused", refused)
        if host and _has_come(host, token, now):
            last = ago(last_look(host), now)
            says = f"Its sweeps come: the last one {last}. {refused}"
            return cls("came", says.strip(), is_over=True)
        if token.last_used_at:
            used = f"Its token was shown {ago(token.last_used_at, now)}"
            if host:  # it brings what it has kept, or its clock is off and it does not tell
                last = ago(last_look(host), now)
                return cls("shown", f"{used}; the last sweep that came was taken {last}.")
            return cls("shown", f"{used}, but no sweep has come yet.")
        return cls("waiting", "Its token was not shown yet: no sweep has come.")


def _refused(host: Host, token: Token, now: datetime) -> str:
    """Say what was refused of a host since it has its token, "" if nothing was lately."""
    if not was_refused(host, now) or host.refused_at < token.created:
        return ""
    return f"A sweep was refused {ago(host.refused_at, now)}: {host.refused_reason}"


def _has_come(host: Host, token: Token, now: datetime) -> bool:
    """Whether the host was looked at since it has its token, by a clock that may be behind."""
    seen = last_look(host)
    if seen >= token.created:
        return True
    return seen >= token.created - SKEW and silent_since(host, now) is None
