from django.urls import path, re_path

from collector.sweep import HOST_ID
from portatlas.board import (
    changes_page,
    host_pages,
    port_page,
    projects,
    reservations,
    triage,
    views,
)
from portatlas.contexts.reservations import values

PORT = rf"^ports/(?P<host_id>{HOST_ID}|\*)/(?P<protocol>tcp|udp)/(?P<number>[0-9]{{1,5}})/"
PROJECT = rf"^projects/(?P<project>{values.PROJECT.pattern})/"

urlpatterns = [
    path("", views.board, name="board"),
    path("judge/", triage.judge, name="judge"),
    path("annotate/", triage.annotate, name="annotate"),
    path("look/", triage.look, name="look"),
    re_path(PORT + "$", port_page.port, name="port"),
    re_path(PORT + "note/$", triage.note, name="note"),
    re_path(PORT + "move/$", triage.move, name="move"),
    re_path(PORT + "reserve/$", reservations.reserve, name="reserve"),
    re_path(PORT + "release/$", reservations.release, name="release"),
    path("projects/", projects.projects, name="projects"),
    re_path(PROJECT + "$", projects.project, name="project"),
    re_path(PROJECT + "release/$", projects.release, name="project-release"),
    path("hosts/", host_pages.hosts, name="hosts"),
    re_path(rf"^hosts/(?P<host_id>{HOST_ID})/$", host_pages.host, name="host"),
    path("changes/", changes_page.changes, name="changes"),
]
