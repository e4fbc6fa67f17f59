from rest_framework.routers import SimpleRouter

from portatlas.api.notes import NoteViewSet
from portatlas.api.views import PortViewSet

router = SimpleRouter()
router.register("ports", PortViewSet)
router.register("notes", NoteViewSet)

urlpatterns = router.urls
