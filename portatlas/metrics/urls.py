from django.urls import path

from portatlas.metrics.views import Metrics

urlpatterns = [path("metrics", Metrics.as_view(), name="metrics")]
