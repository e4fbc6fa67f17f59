"""The form of a note on the board: the port is given, and what is seen there suggests words."""

from django import forms

from notes.forms import NoteForm
from notes.models import EVERY_HOST, PortNote
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
        self.where = "every host" if host_id == EVERY_HOST else host_id


def editor(
    key: Key, port: Port | None, note: PortNote | None, data=None, *, is_own: bool
) -> Editor:
    """
    Return the form for the note about a port, which may never have been seen.

    `note` speaks for it now. If that one is for every host, and the port shall have its own, it
    lends its words to a new one.
    """
    host_id, protocol, number = key
    auto_id = f"{protocol}-{number}-%s"  # several may be open on a board
    if note is not None and (note.host_id == host_id or not is_own):
        return Editor(data, host_id=host_id, auto_id=auto_id, instance=note)
    new = PortNote(host_id=host_id, protocol=protocol, port=number)
    initial, suggestion = {"host_id": host_id}, None
    if note is not None:
        initial |= {name: getattr(note, name) for name in INHERITED}
    elif port is not None:
        suggestion = suggest(port)
        initial |= {
            "title": suggestion.title,
            "service_type": suggestion.service_type,
            "tags": list(suggestion.tags),
            "expected_scope": suggestion.expected_scope,
        }
    return Editor(
        data,
        host_id=host_id,
        auto_id=auto_id,
        suggestion=suggestion,
        instance=new,
        initial=initial,
    )
