from django.contrib import admin
from django.contrib.auth import views as auth
from django.urls import include, path

from portatlas import health
from portatlas.admin import front

admin.autodiscover()

handler400 = "portatlas.misdirected.bad_request"

urlpatterns = [
    path("", include("portatlas.board.urls")),
    path("login/", auth.LoginView.as_view(redirect_authenticated_user=True), name="login"),
    path("logout/", auth.LogoutView.as_view(), name="logout"),
    path("admin/", admin.site.admin_view(front.index)),
    path("", include("portatlas.fleet.urls")),  # some of it lies below the admin
    path("admin/", admin.site.urls),
    path("api/v1/", include("portatlas.api.urls")),
    path("", include("portatlas.discovery.urls")),
    path("", include("portatlas.metrics.urls")),
    path("readyz", health.ready, name="readyz"),
]
