"""The form of a note on the board: the port is given, and what is seen there suggests words."""

from django import forms

from notes.forms import NoteForm
from notes.models import EVERY_HOST, PortNote, where
from notes.services import INHERITED, Key
from portatlas.models import Port
from portatlas.suggestions import Suggestion, suggest


class Editor(NoteForm):
    """A note about one port, for its host or for every host. Suggestions are saved by nobody."""

    host_id = forms.ChoiceField(label="Speaks for", widget=forms.RadioSelect)

    field_order = (
        "title",
        "risk_level",
        "owner",
        "service_type",
        "tags",
        "expected_scope",
        "review_by",
        "description",
        "host_id",
    )

    class Meta(NoteForm.Meta):
        fields = [name for name in NoteForm.Meta.fields if name not in {"protocol", "port"}]

    def __init__(self, data=None, *, host_id: str, suggestion: Suggestion | None = None, **kwargs):
        super().__init__(data, **kwargs)
        self.suggestion = suggestion
        self.is_of_all = bool(self.instance.pk) and self.instance.speaks_for_every_host
        hosts = [] if self.is_of_all or host_id == EVERY_HOST else [(host_id, host_id)]
        of_all = (EVERY_HOST, "every host without a note of its own")
        self.fields["host_id"].choices = [*hosts, of_all]
        self.fields["host_id"].help_text = ""
        self.where = where(host_id)


def editor(
    key: Key, port: Port | None, note: PortNote | None, data=None, *, is_own: bool
) -> Editor:
    """
    Return the form for the note about a port, which may never have been seen.

    `note` speaks for it now. If that one is for every host, and the port shall have its own, it
    lends its words to a new one. Where a note has no title yet, what is seen suggests the words.
    """
    host_id, protocol, number = key
    form = {"host_id": host_id, "auto_id": f"{protocol}-{number}-%s"}  # several may be open
    if port is not None and not (note and note.title):
        form["suggestion"] = suggest(port)
    hints = _hints(form.get("suggestion"))
    if note is not None and (note.host_id == host_id or not is_own):
        unsaid = {name: value for name, value in hints.items() if not _says(note, name)}
        return Editor(data, instance=note, initial=unsaid, **form)
    new = PortNote(host_id=host_id, protocol=protocol, port=number)
    if note is not None:
        hints = {name: getattr(note, name) for name in INHERITED}
    return Editor(data, instance=new, initial=hints | {"host_id": host_id}, **form)


def _hints(suggestion: Suggestion | None) -> dict[str, object]:
    """Return what is suggested as fields of a note."""
    if suggestion is None:
        return {}
    return {
        "title": suggestion.title,
        "service_type": suggestion.service_type,
        "tags": list(suggestion.tags),
        "expected_scope": suggestion.expected_scope,
    }


def _says(note: PortNote, name: str) -> bool:
    """Whether somebody has said something there; where a port may listen, leaving it is that."""
    return name == "expected_scope" or getattr(note, name) not in ("", "unknown", [])
