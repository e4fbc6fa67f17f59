"""What is asked of the atlas: the read model's verbs."""

import json
import re
from collections.abc import Callable, Iterable
from datetime import date, datetime

from django.apps import apps
from django.db import models
from django.db.models import Case, Exists, OuterRef, Q, When
from django.db.models.functions import Coalesce

from collector.models import PortEvent
from notes.models import EVERY_HOST
from portatlas import states
from portatlas.states import PortState

MOST_WORDS = 10  # of a search
BOOT = PortEvent.Cause.BOOT

FOUND_IN = (
    "host__host_id",
    "process_name",
    "cmdline",
    "user",
    "unit",
    "socket_unit",
    "container",
    "container_name",
    "image",
    "compose_service",
    "well_known",
    "note__title",
    "note__description",
    "note__owner",
    "note__service_type",
    "note__tags",
)

# A port as people write it: 8081, :8081, 8081/tcp, tcp/8081, udp.
NAMED = re.compile(
    r":?(?P<number>[0-9]{1,5})(?:/(?P<of>tcp|udp))?|(?P<protocol>tcp|udp)(?:/(?P<other>[0-9]{1,5}))?"
)
NOTED_IN = [name.removeprefix("note__") for name in FOUND_IN if name.startswith("note__")]


class PortQuerySet(models.QuerySet):
    def with_state(self, at: datetime):
        """Annotate each port with its `severity` at that time, from which its state follows."""
        return self.annotate(severity=states.severity(at))

    def in_state(self, *chosen: str):
        """Keep what is in one of these states. Needs with_state()."""
        severities = states.severities(*chosen)
        if PortState.FLAPPING in chosen:  # of any rank
            return self.filter(severity__in=severities)
        # By their ranks an index finds them; a few of those are something else by now.
        ranks, else_by_now = states.ranks(*chosen)
        return self.filter(~Q(severity__in=else_by_now), standing__rank__in=ranks)

    def with_client(self):
        """Annotate whether each port `counts_as_client`."""
        return self.annotate(counts_as_client=Case(When(states.client(), then=True), default=False))

    def for_board(self, at: datetime):
        """Everything that one card shows, in a single query, the most urgent first."""
        return (
            self.with_state(at)
            .with_client()
            .select_related("note", "host")
            .order_by("severity", "port", "protocol", "host_id")
        )

    def clients(self):
        """Keep what is taken for a client socket when read: neither noted nor staying."""
        return self.filter(states.client())

    def without_clients(self):
        return self.filter(~states.client())

    def awaited(self):
        """Keep what listened before its host's last boot and has not been seen since (N62)."""
        return self.without_clients().filter(
            host__unsettled=BOOT,
            current_state="active",
            # Not the start of coverage alone: a gap begins another stretch of the same boot.
            last_seen_at__lt=Coalesce("host__booted_at", "host__watched_since"),
        )

    def seen_since(self, moment: datetime):
        """Keep what was seen at that time or later, be it that nothing changed (`seen_at`)."""
        came_back = Q(last_seen_at__gte=Coalesce("host__booted_at", "host__watched_since"))
        swept = Q(current_state="active", host__last_sweep_at__gte=moment)
        return self.filter(
            Q(last_seen_at__gte=moment) | (swept & (~Q(host__unsettled=BOOT) | came_back))
        )

    def stale(self, today: date):
        """Keep what a note speaks of that somebody should have looked at again."""
        memory, standing = (apps.get_model("portatlas", name) for name in ("Memory", "Standing"))
        old = memory.objects.filter(review_by__lt=today).order_by()
        # These few first: from a port to its note an index leads, but not back.
        of_own = old.filter(standing__fact__isnull=False).values("standing__fact")
        shared = old.filter(
            host_id=EVERY_HOST, port=OuterRef("port"), protocol=OuterRef("protocol")
        )
        of_every_host = standing.objects.filter(
            Exists(shared), port__in=old.filter(host_id=EVERY_HOST).values("port")
        ).values("fact")
        few = Q(pk__in=of_own) | Q(pk__in=of_every_host)
        return self.filter(few, note__review_by__lt=today)

    def search(self, text: str, also: Iterable[Callable[[str], Q]] = ()):
        """
        Match a port number exactly, words anywhere; every word must be found, up to ten.

        Each of `also` returns for a word of which ports else it is told.
        """
        return self.filter(_found(text, FOUND_IN, also))


class MemoryQuerySet(models.QuerySet):
    def never_seen(self):
        """Keep the notes of ports that were seen on none of the hosts that they speak of."""
        of_rank = self.filter(standing__rank=states.NEVER_SEEN)
        return of_rank.order_by("standing__port", "standing__protocol", "standing__host_id")

    def search(self, text: str):
        """Match notes as the search of ports does what they say."""
        return self.filter(_found(text, NOTED_IN))


def has_tag(*words: str, of: str = "") -> Q:
    """
    Return what is so of notes with one of these tags; with `of="note__"`, of ports with such.

    SQLite can't be asked what a list contains, so it is the text of the list that is.
    """
    found = Q()
    for word in words:
        found |= Q(**{f"{of}tags__icontains": json.dumps(word)})
    return found


def _found(text: str, columns: Iterable[str], also: Iterable[Callable[[str], Q]] = ()) -> Q:
    every_word = Q()
    for word in text.replace("\x00", "")[:200].split()[:MOST_WORDS]:
        found = Q()
        for name in columns:
            found |= Q(**{f"{name}__icontains": word})
        for told in also:
            found |= told(word)
        if named := NAMED.fullmatch(word.lower()):
            number, protocol = named["number"] or named["other"], named["protocol"] or named["of"]
            port = Q(port=int(number)) if number else Q()
            found |= port & Q(protocol=protocol) if protocol else port
        every_word &= found
    return every_word
