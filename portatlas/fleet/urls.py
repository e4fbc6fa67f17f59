from django.contrib import admin
from django.urls import path, re_path

from collector.sweep import HOST_ID
from portatlas.fleet import download, views

ENROL = "admin/collector/host/enrol/"
HOST = rf"^{ENROL}(?P<host_id>{HOST_ID})/"
inside = admin.site.admin_view

urlpatterns = [
    path(ENROL, inside(views.add), name="enrol"),
    re_path(rf"{HOST}$", inside(views.agent), name="enrol-agent"),
    re_path(rf"{HOST}again/$", inside(views.again), name="enrol-again"),
    re_path(rf"{HOST}retire/$", inside(views.retire), name="enrol-retire"),
    re_path(rf"{HOST}machine/$", inside(views.machine), name="enrol-machine"),
    re_path(rf"{HOST}sighting/$", inside(views.sighting), name="enrol-sighting"),
    path("agent.pyz", download.AgentFile.as_view(), name="agent-file"),
]
