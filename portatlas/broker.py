"""
Celery's queue as files in one folder, for a machine that has no Redis.

What a caller may rely on:

- A message is whole or absent: it is written aside and renamed into place.
- One consumer gets it: claiming is a rename too, and only one rename of a file succeeds.
- A claimed message is kept until it is acknowledged. What a killed consumer had claimed
  returns to the queue when the next consumer starts; its `redelivered` flag isn't set.
- A message that can't be read is moved to `unreadable/` and logged; it stops nobody.
- The order is that of publication, roughly. There are no priorities and no fanout, so
  remote control has nothing to travel on.

The folder must be on a local disk: the bell that wakes a waiting consumer is a FIFO.
"""

import fcntl
import logging
import math
import os
import select
import time
import uuid
from collections import defaultdict, deque
from contextlib import suppress
from functools import cached_property
from pathlib import Path
from queue import Empty
from urllib.parse import quote

from kombu.transport import virtual
from kombu.utils.json import dumps, loads

logger = logging.getLogger(__name__)

# Of several waiting consumers one may hear the bell for all; the others look by themselves.
LONGEST_NAP = 2.0  # seconds, as long as the worker's own loop waits


def lock(folder: Path, flags: int = fcntl.LOCK_EX) -> int:
    """Lock a folder and return the handle to close. The lock never outlives its process."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(handle, flags)
    except OSError:
        os.close(handle)
        raise
    return handle


class Channel(virtual.Channel):
    def __init__(self, connection, **kwargs):
        super().__init__(connection, **kwargs)
        self.folder = connection.folder
        self._listed = defaultdict(deque)  # queue: what the last listing of it has left
        self._claimed = {}  # delivery tag: the claimed file
        self._unacknowledged = set()  # queues whose consumer never acknowledges

    def basic_consume(self, queue, no_ack, *args, **kwargs):
        if no_ack:
            self._unacknowledged.add(queue)
        return super().basic_consume(queue, no_ack, *args, **kwargs)

    def basic_get(self, queue, no_ack=False, **kwargs):
        message = super().basic_get(queue, no_ack=no_ack, **kwargs)
        if message and no_ack:
            self._forget(message.delivery_tag)
        return message

    def basic_ack(self, delivery_tag, multiple=False):
        super().basic_ack(delivery_tag, multiple=multiple)
        self._forget(delivery_tag)

    def basic_reject(self, delivery_tag, requeue=False):
        super().basic_reject(delivery_tag, requeue=requeue)
        self._forget(delivery_tag)

    def close(self):
        super().close()  # gives back what was not acknowledged
        if claims := self.__dict__.pop("claims", None):
            claims.rmdir()
            os.close(self._lock)

    @cached_property
    def claims(self) -> Path:
        """
        The folder of what this consumer has claimed, locked for as long as it lives.

        One that nobody holds locked belongs to a dead consumer: its messages go back.
        """
        parent = self.folder / "claimed"
        parent.mkdir(mode=0o700, exist_ok=True)
        starting = lock(parent)  # or another start takes a folder not yet locked for a dead one
        try:
            for other in parent.iterdir():
                self._give_back_all(other)
            claims = parent / uuid.uuid4().hex
            claims.mkdir(mode=0o700)
            self._lock = lock(claims)
        finally:
            os.close(starting)
        return claims

    def _give_back_all(self, claims: Path):
        try:
            handle = lock(claims, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except (BlockingIOError, FileNotFoundError, NotADirectoryError):
            return  # alive, or just closing, or no consumer's
        for claim in claims.iterdir():
            claim.rename(self.folder / claim.name)
        with suppress(FileNotFoundError):  # it closed while we waited for nothing
            claims.rmdir()
        os.close(handle)

    def _restore(self, message):
        """Give one claimed message back; kombu asks for it on requeue and on close."""
        claim = self._claimed.pop(message.delivery_tag)
        claim.rename(self.folder / claim.name)
        self.connection.ring()

    def _forget(self, delivery_tag):
        if claim := self._claimed.pop(delivery_tag, None):
            claim.unlink()

    def _names(self, queue) -> list[str]:
        """List what waits in a queue, oldest first."""
        suffix = quote(queue, safe="")
        names = (path.name for path in self.folder.iterdir())
        return sorted(name for name in names if name.partition(".")[2] == suffix)

    def _put(self, queue, message, **kwargs):
        name = f"{time.time_ns():020d}-{uuid.uuid4().hex}.{quote(queue, safe='')}"
        draft = self.folder / f".{name}"
        try:
            draft.touch(mode=0o600, exist_ok=False)
            draft.write_text(dumps(message), encoding="utf-8")
            draft.rename(self.folder / name)
        except OSError:
            draft.unlink(missing_ok=True)
            raise
        self.connection.ring()

    def _get(self, queue):
        claims, names = self.claims, self._listed[queue]
        if not names:
            names.extend(self._names(queue))
        while names:
            claim = claims / names.popleft()
            try:
                (self.folder / claim.name).rename(claim)
            except FileNotFoundError:
                if not claims.exists():
                    raise  # somebody emptied the folder under us: only a new start helps
                continue  # another consumer was faster
            if payload := self._read(claim):
                if queue in self._unacknowledged:
                    self._forget(payload["properties"]["delivery_tag"])
                return payload
        raise Empty

    def _read(self, claim: Path):
        """Return the message in a claimed file, or set the file aside and return None."""
        try:
            payload = loads(claim.read_bytes())
            message = self.Message(payload, channel=self)
        except Exception as exc:  # noqa: BLE001  # whatever is wrong with it, it stops nobody
            aside = self.folder / "unreadable"
            aside.mkdir(mode=0o700, exist_ok=True)
            claim.rename(aside / claim.name)
            logger.error("Set aside a message that can't be read (%s): %s", exc, aside / claim.name)  # noqa: TRY400  # the sentence says it all
            return None
        self._claimed[message.delivery_tag] = claim
        return payload

    def _size(self, queue):
        return len(self._names(queue))

    def _purge(self, queue):
        purged = 0
        for name in self._names(queue):
            with suppress(FileNotFoundError):  # a consumer was faster
                (self.folder / name).unlink()
                purged += 1
        return purged


class Transport(virtual.Transport):
    """`files://`, with the transport option `folder`."""

    Channel = Channel
    driver_type = driver_name = "files"
    default_connection_params = {}  # kombu would warn that it assumes a host

    def __init__(self, client, **kwargs):
        super().__init__(client, **kwargs)
        self.folder = Path(client.transport_options["folder"])
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._bell_path = self.folder / "bell"
        with suppress(FileExistsError):
            os.mkfifo(self._bell_path, mode=0o600)

    @cached_property
    def bell(self) -> int:
        # Open for writing too, or the FIFO would be at its end whenever no publisher has it open.
        return os.open(self._bell_path, os.O_RDWR | os.O_NONBLOCK)

    def ring(self):
        """Wake whoever waits for messages."""
        with suppress(OSError):  # nobody listens, or it rings already
            bell = os.open(self._bell_path, os.O_WRONLY | os.O_NONBLOCK)
            try:
                os.write(bell, b"!")
            finally:
                os.close(bell)

    def drain_events(self, connection, timeout=None):
        """Deliver one message, sleeping until there is one; TimeoutError if there is none."""
        deadline = math.inf if timeout is None else time.monotonic() + timeout
        while True:
            with suppress(Empty):
                return self.cycle.get(self._deliver)
            if self._silenced():
                continue  # what rang may have come after that look
            nap = min(LONGEST_NAP, deadline - time.monotonic())
            rings = nap > 0 and select.select([self.bell], [], [], nap)[0]
            if not rings and time.monotonic() >= deadline:
                raise TimeoutError  # the next call begins with a look

    def close_connection(self, connection):
        super().close_connection(connection)
        if "bell" in self.__dict__:
            os.close(self.__dict__.pop("bell"))

    def _silenced(self) -> bool:
        """Stop the bell; return whether it was ringing."""
        try:
            return bool(os.read(self.bell, 65536))
        except BlockingIOError:
            return False
