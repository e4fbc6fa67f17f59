from django.apps import AppConfig


class ReservationsConfig(AppConfig):
    name = "portatlas.contexts.reservations"
    verbose_name = "Reservations"
