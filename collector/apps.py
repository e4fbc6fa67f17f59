from django.apps import AppConfig


class CollectorConfig(AppConfig):
    name = "collector"
    verbose_name = "Facts"

    def ready(self):
        from collector import schedule  # noqa: PLC0415  # it needs the models of another app

        schedule.connect()
