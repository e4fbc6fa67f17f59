from django.urls import path
from rest_framework.routers import SimpleRouter

from portatlas.api.bulk import NoteBulk
from portatlas.api.notes import NoteDetail, NoteList
from portatlas.api.problem_types import explained
from portatlas.api.views import PortViewSet

router = SimpleRouter()
router.register("ports", PortViewSet)

urlpatterns = [
    *router.urls,
    path("notes/", NoteList.as_view(), name="notes"),
    path("notes/bulk/", NoteBulk.as_view(), name="notes-bulk"),
    path("notes/<str:host_id>/<str:protocol>/<str:port>/", NoteDetail.as_view(), name="api-note"),
    path("problems/<slug:name>/", explained, name="problem"),
]
