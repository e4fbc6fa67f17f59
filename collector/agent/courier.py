"""One request at a time, in a thread of its own: nothing that a hub does delays a look."""

from __future__ import annotations

from collections.abc import Callable
from threading import Thread

from collector.agent.answer import Answer, Then
from collector.agent.report import Body


class Courier:
    """Brings bodies to where `post` brings them, and calls `ring` when there is an answer."""

    def __init__(self, post: Callable[[Body], Answer], ring: Callable[[], None]) -> None:
        self._post, self._ring = post, ring
        self._answer: Answer | None = None
        self.is_away = False

    def send(self, body: Body) -> None:
        self.is_away = True
        # What is stuck in it, a look-up of names perhaps, does not keep the agent from ending.
        thread = Thread(target=self._go, args=(body,), daemon=True)
        try:
            thread.start()
        except RuntimeError as exc:
            self._answer = Answer(Then.TRY_AGAIN, f"Nothing can be sent: {exc}.")
            self._ring()

    def collect(self) -> Answer | None:
        """Return the answer, once; None as long as there is none."""
        answer = self._answer
        if answer:  # else it may come at this very moment, and must not be wiped out
            self._answer = None
            self.is_away = False
        return answer

    def _go(self, body: Body) -> None:
        answer = Answer(Then.TRY_AGAIN, "It can't be told why it did not work.")
        try:
            answer = self._post(body)
        finally:
            self._answer = answer
            self._ring()
