from django.apps import AppConfig


class TokensConfig(AppConfig):
    name = "portatlas.tokens"
    verbose_name = "API tokens"
