from django.urls import path, re_path

from collector.sweep import HOST_ID
from portatlas.api import docs
from portatlas.api.bulk import NoteBulk
from portatlas.api.coverage import CoverageViewSet
from portatlas.api.events import EventViewSet, HostEventViewSet
from portatlas.api.hosts import HostViewSet
from portatlas.api.notes import NoteDetail, NoteList
from portatlas.api.ports import PortViewSet
from portatlas.api.problem_types import explained
from portatlas.api.reservation_check import ReservationCheck
from portatlas.api.reservation_history import ReservationHistoryViewSet
from portatlas.api.reservation_summary import ReservationSummary
from portatlas.api.reservations import ReservationDetail, ReservationList, ReservationRequest
from portatlas.api.summary import SummaryView
from portatlas.api.sweeps import SweepList
from portatlas.api.transients import TransientViewSet

LIST, ONE = {"get": "list"}, {"get": "retrieve"}
HOST = rf"(?P<host_id>{HOST_ID})"
PORT = rf"{HOST}/(?P<protocol>tcp|udp)/(?P<port>[0-9]{{1,5}})"
KEY = "<str:host_id>/<str:protocol>/<str:port>/"

urlpatterns = [
    *docs.urlpatterns,
    path("ports/", PortViewSet.as_view(LIST), name="api-ports"),
    re_path(rf"^ports/{PORT}/$", PortViewSet.as_view(ONE), name="api-port"),
    path("events/", EventViewSet.as_view(LIST), name="api-events"),
    path("hosts/", HostViewSet.as_view(LIST), name="api-hosts"),
    re_path(rf"^hosts/{HOST}/$", HostViewSet.as_view(ONE), name="api-host"),
    path("host-events/", HostEventViewSet.as_view(LIST), name="api-host-events"),
    path("coverage/", CoverageViewSet.as_view(LIST), name="api-coverage"),
    path("transients/", TransientViewSet.as_view(LIST), name="api-transients"),
    path("summary/", SummaryView.as_view(), name="api-summary"),
    path("sweeps/", SweepList.as_view(), name="sweeps"),
    path("notes/", NoteList.as_view(), name="notes"),
    path("notes/bulk/", NoteBulk.as_view(), name="notes-bulk"),
    path(f"notes/{KEY}", NoteDetail.as_view(), name="api-note"),
    path("reservations/", ReservationList.as_view(), name="api-reservations"),
    path("reservations/request/", ReservationRequest.as_view(), name="api-reservation-request"),
    path("reservations/summary/", ReservationSummary.as_view(), name="api-reservation-summary"),
    path(
        "reservations/history/",
        ReservationHistoryViewSet.as_view(LIST),
        name="api-reservation-history",
    ),
    path(f"reservations/check/{KEY}", ReservationCheck.as_view(), name="api-reservation-check"),
    path(f"reservations/{KEY}", ReservationDetail.as_view(), name="api-reservation"),
    path("problems/<slug:name>/", explained, name="problem"),
]
