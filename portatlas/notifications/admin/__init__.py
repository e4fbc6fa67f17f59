from portatlas.notifications.admin import log, rules  # noqa: F401  # they register
