"""Whether the first sweep of a host has come, and if not, how far it got."""

from datetime import datetime
from typing import NamedTuple, Self

from collector.models import Host
from portatlas.hosts import was_refused
from portatlas.silence import last_look, silent_since
from portatlas.tokens.models import Token
from portatlas.words import ago, clock


class Sighting(NamedTuple):
    """How far a host has got, in a word, and in a sentence. It `is_over` when nothing is due."""

    state: str
    says: str
    is_over: bool = False

    @classmethod
    def of(cls, host: Host | None, token: Token | None, now: datetime) -> Self:
        """Tell it of a host, if it was ever seen, and of the token that it was given last."""
        if closed := _closed(token, now):
            return cls("closed", closed, is_over=True)
        refused = _refused(host, token, now) if host else ""
        if host and refused and host.refused_at > last_look(host):
            return cls("refused", refused)
        if host and _has_come(host, token):
            return cls._of_one_that_came(host, refused, now)
        if not token.last_used_at:
            return cls("waiting", "Its token was not shown yet: no sweep has come.")
        # It brings what it has kept, or its clock is off and it does not tell.
        last = host and f"; the last sweep that came was taken {ago(last_look(host), now)}."
        used = ago(token.last_used_at, now)
        return cls("shown", f"Its token was shown {used}{last or ', but no sweep has come yet.'}")

    @classmethod
    def _of_one_that_came(cls, host: Host, refused: str, now: datetime) -> Self:
        if since := silent_since(host, now):
            says = f"It has been silent since {clock(since, now)}, {ago(since, now)}. {refused}"
            return cls("silent", says.strip())
        says = f"Its sweeps come: the last one {ago(last_look(host), now)}. {refused}"
        return cls("came", says.strip(), is_over=True)


def _closed(token: Token | None, now: datetime) -> str:
    """Say why nothing is to come by a token, "" if something may."""
    if token is None:
        return "It has no token of its own: nothing is to come by one."
    if token.revoked_at:
        what = f"was revoked {ago(token.revoked_at, now)}"
    elif not token.is_live(now):
        what = f"expired {ago(token.expiry, now)}"
    elif not token.user.is_active:
        what = f"is of {token.user}, whose account is switched off"
    else:
        return ""
    return f"Its token {what}: its agent is refused until a new command was pasted."


def _refused(host: Host, token: Token, now: datetime) -> str:
    """Say what was refused of a host since it has its token, "" if nothing was lately."""
    if not was_refused(host, now) or host.refused_at < token.created:
        return ""
    return f"A sweep was refused {ago(host.refused_at, now)}: {host.refused_reason}"


def _has_come(host: Host, token: Token) -> bool:
    """Whether the host was looked at since it has its token, by our clock."""
    return last_look(host) >= token.created
