"""Who acts at a terminal: the user of the system, or a user of the atlas in whose name he does."""

import os
import pwd
from argparse import ArgumentParser
from typing import Any

from django.contrib.auth import get_user_model

from collector.text import safe
from portatlas.contexts.reservations.services import Actor
from portatlas.terminal.door import Door, program


def add_argument(parser: ArgumentParser) -> None:
    parser.add_argument(
        "--as",
        dest="as_user",
        metavar="USERNAME",
        help="act as this user of the atlas, whose groups are his teams (default: you, in none)",
    )


def performer(command: Door, options: dict[str, Any]) -> Actor:
    """
    Return who acts, and by whom: whoever may run this may say any name.

    Ends the command for a user that the atlas doesn't have.
    """
    name, me = options["as_user"], _of_system()
    if name is None:
        return Actor(me)
    user = get_user_model().objects.filter(username=name, is_active=True).first()
    if user is None:
        command.nothing(
            f"There is no active user “{safe(name, 150)}”: make one in the admin, or by "
            f"{program()} createsuperuser."
        )
    return Actor.of(user, through="" if name == me else f"by {me}")


def _of_system() -> str:
    number = os.geteuid()
    try:
        return safe(pwd.getpwuid(number).pw_name, 150)
    except KeyError:  # as in a container that was given a number
        return f"user {number}"
