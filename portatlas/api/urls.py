from rest_framework.routers import SimpleRouter

from portatlas.api.views import NoteViewSet, PortViewSet

router = SimpleRouter()
router.register("ports", PortViewSet)
router.register("notes", NoteViewSet)

urlpatterns = router.urls
