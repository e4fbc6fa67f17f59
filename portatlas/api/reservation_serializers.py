"""Reservations as JSON: what is told of one, and what one may say."""

from rest_framework import serializers

from portatlas.api.note_serializers import OnlyKnown, Whole
from portatlas.api.reservation_fields import Flag, Metadata, Name, Printable, Tags, Time, Within
from portatlas.bookings import Status
from portatlas.contexts.reservations import values
from portatlas.contexts.reservations.models import HOLDER, LONGEST, Reservation
from portatlas.contexts.reservations.services import MOST
from portatlas.models import KEY

HOST = {"max_length": 64, "validators": [values.host_name]}
PROJECT = {"max_length": 100, "validators": [values.project_name]}
HIGHEST_PID = 2**31 - 1
PORT = {"min_value": 1, "max_value": 65535}
TERMS = ("project", "description", "tags", "metadata", "expires_at", "auto_release", *HOLDER, "pid")
# What only the server says; it may be sent back and is passed over.
OURS = ("status", "requested_by", "reserved_at", "renewed_at")


class ReservationSerializer(OnlyKnown, serializers.ModelSerializer):
    """
    A port that a project has reserved.

    For whom it is, `process_name`, `user`, `unit`, `container_name` and `pid` say, as far as they
    say anything: whoever else listens there violates it. What only the server says (`status`,
    `requested_by`, `reserved_at`, `renewed_at`) may be sent back and is passed over.
    """

    host_id = Name(**HOST, help_text="* for every host.")
    port = Whole(**PORT)
    project = Name(**PROJECT)
    status = serializers.ChoiceField(choices=Status.values, read_only=True)
    description = Printable(max_length=LONGEST, required=False, allow_blank=True)
    tags = Tags(required=False)
    metadata = Metadata(required=False)
    expires_at = Time(
        required=False, allow_null=True, help_text="When it is released, unless renewed by then."
    )
    auto_release = Flag(
        required=False, help_text="Release it when the program that used the port has ended."
    )
    process_name, user, unit, container_name = (
        Printable(
            max_length=255,
            required=False,
            allow_blank=True,
            help_text=Reservation._meta.get_field(name).help_text,
        )
        for name in HOLDER
    )
    pid = Whole(
        min_value=1,
        max_value=HIGHEST_PID,
        required=False,
        allow_null=True,
        help_text="The process whose end releases it; of this very host, where it has to run.",
    )
    even_if_held = Flag(
        write_only=True, required=False, help_text="Reserve it though a program has it just now."
    )

    class Meta:
        model = Reservation
        fields = [
            *KEY,
            *("project", "status", "description", "tags", "metadata", "requested_by"),
            *("reserved_at", "renewed_at", "expires_at", "auto_release", *HOLDER, "pid"),
            "even_if_held",
        ]
        read_only_fields = OURS
        validators = []
        extra_kwargs = {"protocol": {"required": True}}


class ReservationAtAddressSerializer(ReservationSerializer):
    """A reservation whose key stands in its address; in the body it may be said once more."""

    host_id = Name(**HOST, required=False)
    port = Whole(**PORT, required=False)

    class Meta(ReservationSerializer.Meta):
        extra_kwargs = {"protocol": {"required": False}}


class ReservationChangeSerializer(ReservationAtAddressSerializer):
    """What is said of a reservation anew."""

    even_if_held = None

    class Meta(ReservationAtAddressSerializer.Meta):
        fields = [name for name in ReservationSerializer.Meta.fields if name != "even_if_held"]


class PortsWantedSerializer(ReservationChangeSerializer):
    """How many free ports a project wants, from where, and on what terms."""

    host_id = Name(
        **HOST,
        required=False,
        help_text="The host of this hub unless it is said; * for every host at once.",
    )
    port = None
    count = Whole(required=False, min_value=1, max_value=MOST, help_text="One unless it is said.")
    within = Within(
        required=False, help_text="Where to look, in the place of the project's or the usual ports."
    )
    near = Whole(required=False, **PORT, help_text="Those that are nearest to this one.")
    adjacent = Flag(required=False, help_text="In a row without a hole.")

    class Meta(ReservationChangeSerializer.Meta):
        fields = ["host_id", "protocol", "count", "within", "near", "adjacent", *TERMS]
        extra_kwargs = {
            "protocol": {"required": False, "help_text": "tcp unless it is said."},
        }


class PortsGivenSerializer(serializers.Serializer):
    """The ports that were found and reserved, from the lowest on."""

    reservations = ReservationSerializer(many=True)
