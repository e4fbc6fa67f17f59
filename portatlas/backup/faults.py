"""Why a backup or a restore did not happen: what, why and what to do, in one line. Pure."""


class BackupError(Exception):
    """It could not be done, and nothing has changed: the disk, the database, who else is there."""


class BadFileError(BackupError):
    """The file is not one to write to, or to restore from."""
