"""How reservations stand: what follows for each of them from the facts about its port."""

from datetime import datetime, timedelta

from django.apps import apps
from django.db.models import (
    Case,
    CharField,
    F,
    OuterRef,
    Q,
    Subquery,
    TextChoices,
    Value,
    When,
)
from django.db.models.functions import Coalesce, Greatest, NullIf
from django.db.models.lookups import LessThan

from portatlas.contexts.reservations.models import Reservation
from portatlas.contexts.reservations.querysets import ReservationQuerySet
from portatlas.contexts.reservations.values import EVERY_HOST
from portatlas.violation import violated

Observed = Reservation.Observed

ACTIVE = Q(current_state="active")
UNUSED = timedelta(days=30)  # of a reservation that nobody uses: it is stale


class Status(TextChoices):
    """How the port of a reservation stands; derived, never stored."""

    VIOLATED = "violated"
    IN_USE = "in-use"
    STALE = "stale"
    RESERVED = "reserved"
    FREE = "free"

    @property
    def meaning(self) -> str:
        return MEANINGS[self]


MEANINGS = {
    Status.VIOLATED: "somebody else holds it",
    Status.IN_USE: "a program listens on it",
    Status.STALE: f"nobody has used it for {UNUSED.days} days",
    Status.RESERVED: "nothing listens on it",
    Status.FREE: "nobody has reserved it",
}


class BookingQuerySet(ReservationQuerySet):
    def with_seen(self):
        """Annotate what facts say of each, in the words that its history is `observed` by."""
        return self.annotate(seen=_seen())

    def untold(self):
        """Keep those of which facts say something else than history told last. With `seen`."""
        return self.with_seen().exclude(observed=F("seen"))

    def with_witness(self):
        """Annotate which fact says most of each, None if there is none: its key, as `witness`."""
        gone = F("last_disappeared_at").desc(nulls_last=True)
        of_any = _any().order_by(_most(), gone, "active_since", "pk").values("pk")[:1]
        return self.annotate(witness=_own_or_any(_own().values("pk"), of_any))

    def with_status(self, at: datetime):
        """Annotate how each reservation stands, as `stands`."""
        unused = Case(
            When(reserved_at__gte=at - UNUSED, then=Value(Status.RESERVED)),  # spares a look
            When(LessThan(_idle_since(), Value(at - UNUSED)), then=Value(Status.STALE)),
            default=Value(Status.RESERVED),
            output_field=CharField(),
        )
        # What is seen is asked once, and has the same words.
        return self.annotate(stands=Coalesce(NullIf(_seen(), Value(Observed.NOTHING)), unused))

    def with_idle_since(self):
        """Annotate when each port was reserved, renewed or seen last, as `idle_since`."""
        return self.annotate(idle_since=_idle_since())

    def in_status(self, *chosen: str):
        """Keep what stands so. Needs with_status()."""
        return self.filter(stands__in=chosen)


def _own():
    """Return the fact about the port of a reservation of one host."""
    return _facts().filter(
        host=OuterRef("host_id"), protocol=OuterRef("protocol"), port=OuterRef("port")
    )


def _any():
    """Return the facts about the port of a reservation of every host. By number an index leads."""
    return _facts().filter(standing__port=OuterRef("port"), standing__protocol=OuterRef("protocol"))


def _facts():
    return apps.get_model("portatlas", "Port").objects.order_by()


def _seen() -> Coalesce:
    """
    Return what facts say of each, "" if nothing listens.

    As the value of one row, which is read by its key. Asked whether there is any, PostgreSQL would
    rather read all facts before it tells the first page.
    """
    word = Case(
        When(violated(), then=Value(Observed.VIOLATED)),
        When(ACTIVE, then=Value(Observed.IN_USE)),
        default=Value(Observed.NOTHING),
        output_field=CharField(),
    )
    of_any = _any().order_by(_most()).values(word=word)[:1]
    return Coalesce(_own_or_any(_own().values(word=word), of_any), Value(Observed.NOTHING))


def _most() -> Case:
    return Case(When(violated(), then=0), When(ACTIVE, then=1), default=2)


def _idle_since() -> Greatest:
    """Return since when nobody uses a port; of one that is in use it tells nothing."""
    return Greatest(
        "reserved_at",
        Coalesce("renewed_at", "reserved_at"),
        Coalesce(_last_seen(), "reserved_at"),
    )


def _last_seen() -> Case:
    own = _own().values("last_seen_at")
    of_any = _any().order_by("-last_seen_at").values("last_seen_at")[:1]
    return _own_or_any(own, of_any)


def _own_or_any(own, of_any) -> Case:
    return Case(When(host_id=EVERY_HOST, then=Subquery(of_any)), default=Subquery(own))
