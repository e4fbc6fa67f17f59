"""What the commands say of a backup, line by line."""

from collections.abc import Iterator, Mapping

from portatlas.backup.disk import in_bytes
from portatlas.backup.installation import KeyFate
from portatlas.backup.manifest import Manifest
from portatlas.backup.restoring import Restored

WITHOUT_KEY = (
    "The secret key is not in it. Keep {key} too, or say --with-secrets: restored under another "
    "key, the secrets of channels have to be entered again, and people have to log in again."
)
WITH_KEY = "The secret key is in it: whoever can read this file can read the secrets of channels."
OF_KEY = {
    KeyFate.SAME: "Its secret key is the one here.",
    KeyFate.TAKEN: "Its secret key comes into {key}; the one there is kept beside it.",
    KeyFate.OVERRULED: (
        "Its secret key is not that of {key}, which goes on here: put there what tar xOf FILE "
        "secret_key prints. Until then the secrets of channels can't be read, and people have to "
        "log in again."
    ),
    KeyFate.MISSING: (
        "It was made under another secret key, which is not in it: the secrets of channels have to "
        "be entered again, and people have to log in again; or put its key into {key} first."
    ),
}


def made(name: str, backup: Manifest, key: str) -> Iterator[str]:
    """Say what is in a backup that was written; `key` is where the secret key is."""
    counts = ", ".join(f"{what} {count:,}" for what, count in backup.counts.items())
    yield f"{name} is written: {in_bytes(backup.size)}; {counts}."
    yield (WITH_KEY if backup.has_key else WITHOUT_KEY).format(key=key)


def restored(done: Restored, key: str, *, dry_run: bool, start: str) -> Iterator[str]:
    """Say what a backup brings; `start` is what to run then."""
    backup = done.manifest
    yield (
        f"Backup of {backup.made_at:%F %T} UTC, made on {backup.host_id} by Port Atlas "
        f"{backup.version} from {backup.kind} {backup.server}."
    )
    yield from _table(backup.counts, done.before)
    yield OF_KEY[done.key].format(key=key)
    if dry_run:
        yield "All of it is whole and can be restored. This was a dry run: nothing has changed."
        return
    if done.kept:
        yield f"The old database is kept as {done.kept}: delete it when all is well."
    yield f"Restored. What was revoked or changed since is again as it was then. Next: {start}"


def _table(then: Mapping[str, int], now: Mapping[str, int]) -> Iterator[str]:
    """Return rows that count what is in a backup, beside what is here."""
    yield f"{'':12}{'in it':>10}{'here now':>14}"
    for what, count in then.items():
        yield f"{what:12}{count:>10,}{now.get(what, 0):>14,}"
