from django.urls import path, re_path

from portatlas.board import views

urlpatterns = [
    path("", views.board, name="board"),
    re_path(
        r"^ports/(?P<host_id>[^/]{1,64})/(?P<protocol>tcp|udp)/(?P<number>[0-9]{1,5})/$",
        views.port,
        name="port",
    ),
]
