"""The form by which a file of notes comes in: cleaned, it is the notes that are in it."""

from typing import Any

from django import forms

from notes.exchange import formats, sources
from notes.exchange.document import Document
from notes.exchange.faults import BadFileError, EditedError
from notes.exchange.sources import Kind
from notes.models import host_name

MOST_BYTES = 4 * 1024 * 1024
TOO_LARGE = (
    f"At most {MOST_BYTES // 1024**2} MiB are taken here, and less of what can't be packed. "
    "For a larger file there is manage.py notes import."
)
EDITED = "If you edited it, choose it once more and tick “I edited it”."
GUESS = ("", "Let it be guessed")
KINDS = [
    GUESS,
    (Kind.YAML, "Notes, as YAML"),
    (Kind.JSON, "Notes, as JSON"),
    (Kind.CSV, "Notes, as CSV"),
    (Kind.COMPOSE, "Docker compose file"),
    (Kind.CADDY, "Caddyfile"),
    (Kind.NMAP, "nmap -oX"),
    (Kind.PORTNOTE, "Table of ports, as of PortNote"),
]


class UploadForm(forms.Form):
    """A file, and what is known of it."""

    file = forms.FileField(help_text=f"At most {MOST_BYTES // 1024**2} MiB.")
    kind = forms.ChoiceField(label="What it is", required=False, choices=KINDS)
    host = forms.CharField(
        required=False,
        max_length=64,
        validators=[host_name],
        help_text="Whose ports they are, where the file doesn't say so: for a compose file, a "
        "Caddyfile, a table.",
    )
    edited = forms.BooleanField(
        label="I edited it",
        required=False,
        help_text="Then its checksum doesn't fit, and it is taken as it is.",
    )

    def clean(self) -> dict[str, Any]:
        """Add what the file says: `carried`, from which it can be read again, and `content`."""
        cleaned = super().clean()
        if self.errors:
            return cleaned
        upload = cleaned["file"]
        if upload.size > MOST_BYTES:
            raise forms.ValidationError({"file": TOO_LARGE})
        try:
            carried = self._carried(upload)
            return cleaned | {"carried": carried, "content": content(carried)}
        except EditedError as exc:
            raise forms.ValidationError({"edited": [*exc.lines, EDITED]}) from exc
        except BadFileError as exc:
            why = f"{upload.name} can't be taken, and nothing of it was."
            raise forms.ValidationError({"file": [why, *exc.lines]}) from exc

    def _carried(self, upload) -> dict[str, Any]:
        text = formats.decode(upload.read())
        return {
            "name": upload.name,
            "text": text,
            "kind": self.cleaned_data["kind"] or sources.guess(upload.name, text).value,
            "host": self.cleaned_data["host"] or None,
            "edited": self.cleaned_data["edited"],
        }


def content(carried: dict[str, Any]) -> Document:
    """Return what a file says. Raises EditedError and BadFileError as its readers do."""
    kind = Kind(carried["kind"])
    return sources.read(carried["text"], kind, host=carried["host"], edited=carried["edited"])
