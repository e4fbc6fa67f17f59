from django.urls import path, re_path

from collector.sweep import HOST_ID
from portatlas.board import views

urlpatterns = [
    path("", views.board, name="board"),
    re_path(
        rf"^ports/(?P<host_id>{HOST_ID})/(?P<protocol>tcp|udp)/(?P<number>[0-9]{{1,5}})/$",
        views.port,
        name="port",
    ),
]
