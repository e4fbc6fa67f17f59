"""The first steps of somebody who has just installed Port Atlas, until his first notes stand."""

from typing import NamedTuple

from notes.models import PortNote

ENOUGH = 3  # notes: by then one knows how it goes


class Step(NamedTuple):
    """Something to do, how, and whether it is done."""

    title: str
    how: str
    is_done: bool


def first_steps(was_looked: bool) -> list[Step]:
    """Return the five steps, none once there are a few notes; in one query."""
    risks = list(PortNote.objects.order_by().values_list("risk_level", flat=True)[:ENOUGH])
    if len(risks) >= ENOUGH:
        return []
    return [
        Step(
            "Let it look",
            "Port Atlas looks at this machine by itself; every port that listens gets a card.",
            was_looked,
        ),
        Step(
            "Read the first card",
            "The most urgent port stands first. Its number leads to all that is known of it.",
            bool(risks),
        ),
        Step(
            "Write down what it is",
            "“Write a note” on the card, or the key n. What was seen suggests the words.",
            bool(risks),
        ),
        Step(
            "Mark what you know",
            "“expected” on its card; tick several cards to mark them together.",
            len(risks) > 1,
        ),
        Step(
            "Trust what must not be missing",
            "A trusted or expected port that disappears stays on the board as a ghost.",
            "trusted" in risks,
        ),
    ]
