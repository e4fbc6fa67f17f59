import django_filters as filters

from collector.sweep import Protocol
from portatlas.api.asking import Flag, Moment, OneOf, Ports, Texts, Whole
from portatlas.contexts.reservations.models import ReservationEvent
from portatlas.models import Booking
from portatlas.querysets import has_tag
from portatlas.reserving.booking_tally import COUNTED


class ReservationFilter(filters.FilterSet):
    """Which reservations are listed: those for which all that is said is so."""

    host_id = Texts(field_name="host_id", label="Of this very host; * are those of every host.")
    protocol = OneOf(Protocol)
    port = Ports(field_name="port")
    port_range_min = Whole(field_name="port", lookup_expr="gte", most=65535)
    port_range_max = Whole(field_name="port", lookup_expr="lte", most=65535)

    project = Texts(field_name="project")
    status = OneOf(COUNTED, method="stands")
    tag = Texts(method="has_tag")
    requested_by = Texts(field_name="requested_by")
    expires_since = Moment(field_name="expires_at", lookup_expr="gte")
    expires_before = Moment(field_name="expires_at", lookup_expr="lt")
    auto_release = Flag(field_name="auto_release")

    class Meta:
        model = Booking
        fields: tuple[str, ...] = ()

    def stands(self, queryset, name, value):
        return queryset.in_status(*value)

    def has_tag(self, queryset, name, value):
        return queryset.filter(has_tag(*value))


class ReservationEventFilter(filters.FilterSet):
    """Which lines of the history are listed: those for which all that is said is so."""

    host_id = Texts(field_name="host_id")
    protocol = OneOf(Protocol)
    port = Ports(field_name="port")
    project = Texts(field_name="project")
    action = OneOf(ReservationEvent.Action.values)
    since = Moment(field_name="at", lookup_expr="gte")
    before = Moment(field_name="at", lookup_expr="lt")

    class Meta:
        model = ReservationEvent
        fields: tuple[str, ...] = ()
