from django.urls import path, re_path

from collector.sweep import HOST_ID
from portatlas.board import changes_page, host_pages, port_page, views

urlpatterns = [
    path("", views.board, name="board"),
    re_path(
        rf"^ports/(?P<host_id>{HOST_ID})/(?P<protocol>tcp|udp)/(?P<number>[0-9]{{1,5}})/$",
        port_page.port,
        name="port",
    ),
    path("hosts/", host_pages.hosts, name="hosts"),
    re_path(rf"^hosts/(?P<host_id>{HOST_ID})/$", host_pages.host, name="host"),
    path("changes/", changes_page.changes, name="changes"),
]
