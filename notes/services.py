"""Write memory: every note is saved, judged, moved and deleted here, with who did it."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, NamedTuple

from django.db import IntegrityError, transaction
from django.db.models import Max
from simple_history.utils import bulk_create_with_history, bulk_update_with_history

from notes import tags
from notes.models import EVERY_HOST, PortNote, named

MOST = 500  # notes at once

# What a note says, and what a host's own takes over from the one for every host.
INHERITED = (
    "title",
    "description",
    "owner",
    "service_type",
    "risk_level",
    "tags",
    "expected_scope",
    "review_by",
)

Key = tuple[str, str, int]  # host, protocol, port


class NoteChangedError(Exception):
    """Somebody else saved the note since it was read; nothing was written."""


class NoteExistsError(Exception):
    """There is a note about that port already; nothing was written."""


class Written(NamedTuple):
    """How many notes were made, how many changed, and what one might not have expected of it."""

    created: int
    changed: int
    refused: tuple[Key, ...] = ()  # ports that somebody else had judged meanwhile
    before: tuple[str, ...] = ()  # judgements that are others now
    copied: tuple[Key, ...] = ()  # ports for which the note for every host spoke


@transaction.atomic
def save(note: PortNote, *, by, seen: int | None = None) -> PortNote:
    """
    Save a note in the name of a user. `seen` is the version that he has read, None for a new one.

    A note that comes to a port, new or from another, goes on from the versions that were there.

    Raises NoteChangedError if it is another by now, NoteExistsError if its key is taken.
    """
    was_at = _lock(note, seen) if note.pk else None
    note.version = seen + 1 if note.pk else 1
    if was_at != note.key:
        note.version = max(note.version, next_versions([note.key])[note.key])
    if not note.pk:
        note.created_by = by
    note.updated_by = by
    try:
        with transaction.atomic():
            note.save()
    except IntegrityError as exc:
        host_id, protocol, port = note.key
        of_key = PortNote.objects.filter(host_id=host_id, protocol=protocol, port=port)
        if of_key.exclude(pk=note.pk).exists():
            raise NoteExistsError(f"There is already a note about {named(note.key)}.") from exc
        raise
    return note


def annotate(keys: Iterable[Key], changes: dict[str, Any], **terms) -> Written:
    """
    Write the same into the notes of many ports, up to `MOST`, in a few statements.

    A port without a note gets one. A port for which the note for every host speaks gets its own,
    which says all that the other said. What stays as it was is not written. `seen` are the
    versions of the ports' own notes that were read, 0 for none: where it is another by now,
    nothing is written and the port is told as refused. The terms are those of `_annotate`.

    Raises ValidationError, and writes nothing, where the tags of a note would be too many.
    """
    wanted = list(dict.fromkeys(keys))[:MOST]
    try:
        return _annotate(wanted, changes, **terms)
    except (
        IntegrityError
    ):  # somebody wrote one of the new notes at the same moment: now it is there
        return _annotate(wanted, changes, **terms)


@transaction.atomic
def _annotate(  # noqa: PLR0913  # what is written, and by whom
    wanted: list[Key],
    changes: dict[str, Any],
    *,
    by,
    at: datetime,
    add_tags: Iterable[str] = (),
    seen: Mapping[Key, int] | None = None,
) -> Written:
    own, of_all = _notes_of(wanted)
    new, changed, refused, before = [], [], [], []
    for key in wanted:
        note = own.get(key) or _own(key, of_all.get(key[1:]), by)
        if seen is not None and seen.get(key, 0) != (note.version if note.pk else 0):
            refused.append(key)
            continue
        words = list(dict.fromkeys([*note.tags, *add_tags]))
        values = changes | ({"tags": words} if words != note.tags else {})
        tags.validate(values.get("tags", []))
        was = str(note.risk_level)
        if note.pk and all(getattr(note, name) == value for name, value in values.items()):
            continue
        if (note.pk or key[1:] in of_all) and values.get("risk_level", was) != was:
            before.append(was)
        for name, value in values.items():
            setattr(note, name, value)
        note.updated_by, note.updated_at = by, at
        if note.pk:
            note.version += 1
            changed.append(note)
        else:
            new.append(note)
    if new:
        versions = next_versions([note.key for note in new])
        for note in new:
            note.version = versions[note.key]
        bulk_create_with_history(new, PortNote, default_user=by)
    if changed:
        fields = {*changes, "tags", "updated_by", "updated_at", "version"}
        bulk_update_with_history(changed, PortNote, sorted(fields), default_user=by)
    copied = tuple(note.key for note in new if note.key[1:] in of_all)
    return Written(len(new), len(changed), tuple(refused), tuple(before), copied)


@transaction.atomic
def move(note: PortNote, to: Key, *, by, seen: int) -> PortNote:
    """
    Let a note speak for another port: what it was about has moved there.

    Raises NoteChangedError and NoteExistsError as `save` does.
    """
    note._change_reason = f"moved from {named(note.key)}"  # noqa: SLF001  # as its history asks
    note.host_id, note.protocol, note.port = to
    save(note, by=by, seen=seen)
    del note._change_reason  # noqa: SLF001  # as above
    return note


@transaction.atomic
def delete(note: PortNote, *, by, seen: int) -> None:
    """Delete a note; its history stays. Raises NoteChangedError if somebody changed it."""
    _lock(note, seen)
    note.updated_by = by
    note.delete()


@transaction.atomic
def delete_many(notes: Iterable[PortNote], *, by, at: datetime) -> None:
    """
    Delete notes as they were read, up to `MOST`, in a few statements; their history stays.

    Raises NoteChangedError, and deletes none, if somebody changed one of them meanwhile;
    ValueError for more than `MOST`.
    """
    seen = {note.pk: note.version for note in notes}
    if len(seen) > MOST:
        raise ValueError(f"At most {MOST} notes are deleted at once.")
    rows = PortNote.objects.filter(pk__in=seen)
    locked = list(rows.select_for_update())
    if {note.pk: note.version for note in locked} != seen:
        raise NoteChangedError("Somebody else changed or deleted one of these notes meanwhile.")
    erase(locked, by=by, at=at)


def erase(locked: Iterable[PortNote], *, by, at: datetime, why: str | None = None) -> None:
    """Delete notes that the caller has locked, in two statements; their history stays."""
    locked = list(locked)
    records = PortNote.history.model
    names = [field.attname for field in records.tracked_fields]
    records.objects.bulk_create(
        records(
            history_type="-",
            history_date=at,
            history_user=by,
            history_change_reason=why,
            **{name: getattr(note, name) for name in names},
        )
        for note in locked
    )
    rows = PortNote.objects.filter(pk__in=[note.pk for note in locked])
    rows._raw_delete(rows.db)  # noqa: SLF001  # else its history writes each line by itself


def _lock(note: PortNote, seen: int | None) -> Key:
    """Return what a note is about, unless somebody changed it; it stays so until we are done."""
    rows = PortNote.objects.select_for_update().filter(pk=note.pk, version=seen)
    was_at = rows.values_list("host_id", "protocol", "port").first()
    if was_at is None:
        raise NoteChangedError("Somebody else changed or deleted this note meanwhile.")
    return was_at


def next_versions(keys: list[Key]) -> dict[Key, int]:
    """
    Return the version for a note that comes to a port: none that a form may have read there before.

    The history holds no versions. But each of them is at most the number of its line, for that
    grows with every line of any note; so it is gone on from the last line about the port.
    """
    lines = PortNote.history.filter(
        host_id__in={key[0] for key in keys}, port__in={key[2] for key in keys}
    )
    last = lines.order_by().values_list("host_id", "protocol", "port").annotate(Max("history_id"))
    numbers = {row[:3]: row[3] for row in last}
    return {key: numbers.get(key, 0) + 1 for key in keys}


def _notes_of(keys: list[Key]) -> tuple[dict[Key, PortNote], dict[tuple[str, int], PortNote]]:
    """Return the own notes of ports by key, and those for every host by protocol and port."""
    hosts = {host_id for host_id, _protocol, _port in keys} | {EVERY_HOST}
    ports = {port for _host_id, _protocol, port in keys}
    notes = PortNote.objects.select_for_update().filter(host_id__in=hosts, port__in=ports)
    by_key = {note.key: note for note in notes}
    of_all = {key[1:]: note for key, note in by_key.items() if key[0] == EVERY_HOST}
    return by_key, of_all


def _own(key: Key, inherited: PortNote | None, by) -> PortNote:
    values = {name: getattr(inherited, name) for name in INHERITED} if inherited else {}
    host_id, protocol, port = key
    return PortNote(host_id=host_id, protocol=protocol, port=port, created_by=by, **values)
