from django.apps import AppConfig


class NotificationsConfig(AppConfig):
    name = "portatlas.notifications"

    def ready(self):
        from collector.signals import swept  # noqa: PLC0415  # as all of Django's receivers
        from portatlas.notifications.receivers import after_sweep  # noqa: PLC0415  # as above

        swept.connect(after_sweep, dispatch_uid="portatlas.notifications")
