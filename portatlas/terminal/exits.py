"""How a command ended, for scripts: the same numbers for all commands. Pure."""

from enum import IntEnum


class Exit(IntEnum):
    """The exit codes. 1 is what every other command of Django gives for a failure, too."""

    DONE = 0
    FAILED = 1
    USAGE = 2
    NOTHING = 3
    CHANGED = 4
    REFUSED = 5

    @property
    def meaning(self) -> str:
        return MEANINGS[self]


MEANINGS = {
    Exit.DONE: "done, or found",
    Exit.FAILED: "it could not be done: the database, the settings",
    Exit.USAGE: "wrong usage: an option or a value that makes no sense",
    Exit.NOTHING: "nothing is as asked: no such port, note, event, token or reservation",
    Exit.CHANGED: "somebody else changed the note meanwhile; nothing was written",
    Exit.REFUSED: "refused: it is taken, in use, or somebody else's",
}
TOLD = "exit codes:\n" + "\n".join(f"  {code.value}  {code.meaning}" for code in Exit)
