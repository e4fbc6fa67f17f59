from django.apps import AppConfig


class AtlasConfig(AppConfig):
    name = "portatlas"
    verbose_name = "Port Atlas"
