"""A command run as from a shell, but in this process."""

from django.core.management import CommandError, call_command

from portatlas.terminal.exits import Exit


def run(capsys, *arguments):
    """Return what a command printed, what it complained of, and how it ended."""
    try:
        call_command(*arguments)
    except SystemExit as exc:
        code = exc.code
    except CommandError as exc:
        return capsys.readouterr().out, str(exc), exc.returncode
    else:
        code = Exit.DONE
    return *capsys.readouterr(), code
