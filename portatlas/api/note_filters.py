import django_filters as filters

from notes.models import PortNote


class NoteFilter(filters.FilterSet):
    class Meta:
        model = PortNote
        fields = ["host_id", "protocol", "port", "owner", "service_type", "risk_level"]
