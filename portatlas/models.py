"""The atlas: facts joined with memory, and an index of how they stand."""

from datetime import datetime, timedelta

from django.core.validators import RegexValidator
from django.db import models

from collector.models import PortRuntime
from collector.sweep import Endpoint, Family, Role
from notes.models import EVERY_HOST, PortNote
from portatlas import states
from portatlas.bookings import BookingQuerySet, Status
from portatlas.contexts.reservations.models import Reservation
from portatlas.querysets import BOOT, MemoryQuerySet, PortQuerySet
from portatlas.softjoin import SoftJoin

KEY = ("host_id", "protocol", "port")
SEE_PORTS = ("portatlas.view_port", "notes.view_portnote")  # a port shows its note
MAY_WRITE = (*SEE_PORTS, "notes.add_portnote", "notes.change_portnote")  # to judge is either

REACH = {
    "loopback": "this machine only",
    "link": "its own link",
    "private": "private networks",
    "any": "everywhere",
}


class Reading:
    """
    What follows from the columns of a port, its host and its note.

    Of a `Port`, and of whatever else has these columns, `severity`, `host` and `note`.
    """

    @property
    def state(self) -> states.PortState:
        return states.BY_SEVERITY[self.severity].state

    @property
    def reason(self) -> str:
        if self.severity == states.ESCAPED:
            allowed = REACH[self.note.expected_scope]
            return f"it escaped: its note allows {allowed}, and it is open to {self.reach}"
        return states.BY_SEVERITY[self.severity].reason

    @property
    def is_awaited(self) -> bool:
        """Whether it was not seen since its host's last boot; `awaited()` counts no clients."""
        if not self.is_active or self.host.unsettled != BOOT:
            return False
        since = self.host.booted_at or self.host.watched_since
        return since is not None and self.last_seen_at < since

    @property
    def seen_at(self) -> datetime:
        """When it was last seen: an active port, whenever its host was last swept."""
        swept = self.host.last_sweep_at
        if swept and self.is_active and not self.is_awaited:
            return max(self.last_seen_at, swept)
        return self.last_seen_at

    @property
    def reach(self) -> str:
        """From where it can be reached, in words."""
        return REACH[self.scope]

    @property
    def addresses(self) -> str:
        """Every address it is bound to, each once."""
        ends = ((end["address"], end["device"]) for end in self.endpoints)
        return ", ".join(
            f"{address} on {device}" if device else address
            for address, device in dict.fromkeys(ends)
        )

    @property
    def ends(self) -> list[Endpoint]:
        """Its endpoints: every socket that is bound to it."""
        return [Endpoint(**end) for end in self.endpoints]

    @property
    def programs(self) -> list[str]:
        """The programs that hold its sockets, each once."""
        return list(dict.fromkeys(end.process_name for end in self.ends if end.process_name))

    @property
    def is_split(self) -> bool:
        """
        Whether who answers depends on the address (N41, N42).

        Either the programs differ, or IPv4 and IPv6 are held by processes that share no
        socket. A container engine starts one proxy for each of them on purpose.
        """
        if len(self.endpoints) < 2:
            return False
        if len(self.programs) > 1:
            return True
        by_v4, by_v6 = (
            {end.pid for end in self.ends if end.pid and end.family in {family, Family.DUAL}}
            for family in (Family.V4, Family.V6)
        )
        return self.role != Role.PROXY and bool(by_v4 and by_v6) and by_v4.isdisjoint(by_v6)

    @property
    def is_crowded(self) -> bool:
        """Whether more than half of the accept queue is taken."""
        return self.is_active and any(end.is_crowded for end in self.ends)

    @property
    def uptime(self) -> timedelta | None:
        """How long it has been seen to listen without a break, None when it is not seen now."""
        is_up = self.is_active and not self.is_awaited
        return self.seen_at - self.active_since if is_up else None


class Port(Reading, PortRuntime):
    """A runtime fact that can see the note about it: its own, else that for every host."""

    note = SoftJoin("notes.PortNote", on=KEY, or_else=("host_id", EVERY_HOST))

    objects = PortQuerySet.as_manager()

    class Meta:
        proxy = True
        default_permissions = ("view",)


class Memory(PortNote):
    """A note that can see the runtime fact it is about."""

    runtime = SoftJoin("collector.PortRuntime", on=KEY)
    standing = SoftJoin("portatlas.Standing", on=KEY)

    objects = MemoryQuerySet.as_manager()

    class Meta:
        proxy = True
        default_permissions = ("view",)
        verbose_name_plural = "memories"


class Booking(Reservation):
    """A reservation that can see the facts about its port."""

    objects = BookingQuerySet.as_manager()

    class Meta:
        proxy = True
        default_permissions = ()

    @property
    def status(self) -> Status:
        """How it stands, by the facts. Needs `with_status()`."""
        return Status(self.stands)


class NotDumped(models.Manager):
    """What `dumpdata` sees of an index: nothing, for loading what it is about makes it anew."""

    def get_queryset(self):
        return super().get_queryset().none()


class Standing(models.Model):
    """
    How a port stands: its rank, kept by the database for each port, and each note without one.

    It is an index over two tables, no fact: the triggers of `standing.py` fill it from the rules
    of `states.py`, and nothing else writes it. A note for one host, or for every host, that
    speaks of no port ever seen has no `fact`. The key is repeated, so that one index gives a page
    of the board in its order.
    """

    host_id = models.CharField(max_length=64)
    protocol = models.CharField(max_length=3)
    port = models.PositiveIntegerField()
    rank = models.SmallIntegerField()
    since = models.DateTimeField(null=True)  # `active_since` of the fact
    fact = models.OneToOneField(
        Port, models.DO_NOTHING, null=True, db_constraint=False, related_name="standing"
    )
    host = SoftJoin("collector.Host", on=("host_id",))

    dumped = NotDumped()
    objects = models.Manager()

    class Meta:
        default_permissions = ()
        constraints = [
            models.UniqueConstraint(
                fields=["host_id", "protocol", "port"], name="portatlas_standing_key"
            ),
        ]
        indexes = [
            models.Index(
                fields=["rank", "port", "protocol", "host_id"], name="portatlas_standing_board"
            ),
            models.Index(
                fields=["host_id", "rank", "port", "protocol"], name="portatlas_standing_of_host"
            ),
            models.Index(fields=["rank", "since", "host_id"], name="portatlas_standing_youngest"),
            models.Index(fields=["port", "protocol"], name="portatlas_standing_number"),
        ]

    def __str__(self) -> str:
        return f"{self.port}/{self.protocol} on {self.host_id}: {self.rank}"


class SavedView(models.Model):
    """
    A triage view of the list of ports, kept as a link.

    Its `query` is only ever put behind the address of that list, so it leads nowhere else.
    """

    title = models.CharField(max_length=60, unique=True)
    query = models.CharField(
        max_length=500,
        blank=True,
        validators=[
            RegexValidator(
                r"^\??[A-Za-z0-9_.~%+*=&,:@-]*\Z",
                "Only what stands behind the question mark in the address of the list.",
            )
        ],
        help_text="What stands behind the question mark in the address of the list of ports.",
    )
    position = models.PositiveSmallIntegerField(default=100, help_text="The lowest stands first.")

    class Meta:
        ordering = ["position", "title"]

    def __str__(self) -> str:
        return self.title
