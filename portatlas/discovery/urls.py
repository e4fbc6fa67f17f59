from django.urls import path

from portatlas.discovery.ansible import Inventory
from portatlas.discovery.feed import Changes
from portatlas.discovery.flat import Flat
from portatlas.discovery.prometheus import Targets

urlpatterns = [
    path("api/v1/discovery/prometheus/", Targets.as_view(), name="discovery-prometheus"),
    path("api/v1/discovery/ansible/", Inventory.as_view(), name="discovery-ansible"),
    path("api/v1/summary/flat/", Flat.as_view(), name="summary-flat"),
    path("changes.atom", Changes.as_view(), name="changes-feed"),
]
