"""The command `portatlas`: for who has installed the package, what `manage.py` is in a checkout."""

import os
import sys

from django.core.exceptions import ImproperlyConfigured
from django.core.management import execute_from_command_line


def main() -> None:
    """Run what the command line says, as manage.py does but for the environment: that is here."""
    os.environ["DJANGO_SETTINGS_MODULE"] = "portatlas.settings"
    if sys.argv[1:2] == ["test"]:
        sys.exit("port atlas: the tests are not installed; in a checkout: python3 manage.py test")
    try:
        execute_from_command_line(sys.argv)
    except ImproperlyConfigured as exc:
        sys.exit(f"port atlas: {exc}")
    except KeyboardInterrupt:
        sys.exit(130)  # as a shell says it: ended by SIGINT
