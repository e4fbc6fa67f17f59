"""How many ports there are, and how well they are known: of one host, or of all."""

from collections import Counter
from dataclasses import asdict
from typing import Any

from rest_framework import serializers

from portatlas.intervals import Look
from portatlas.overview import Overview
from portatlas.retrospect import TOO_MUCH
from portatlas.states import PortState
from portatlas.tally import Tally
from portatlas.words import Summary

TOLD = ("listening", "known", "unknown", "unhealthy", "missing", "silent", "clients", "states")


class StatesSerializer(serializers.Serializer):
    """How many ports are in each state."""

    suspicious = serializers.IntegerField()
    flapping = serializers.IntegerField()
    ghost = serializers.IntegerField()
    unnoted = serializers.IntegerField()
    known = serializers.IntegerField()
    healthy = serializers.IntegerField()
    gone = serializers.IntegerField()


class LooksSerializer(serializers.Serializer):
    """How many ports were up, down, or nobody knows, at the time that was asked about."""

    up = serializers.IntegerField()
    down = serializers.IntegerField()
    unknown = serializers.IntegerField()


class CountsSerializer(serializers.Serializer):
    """
    How many ports listen; how many of them are known, unknown and unhealthy; how many are missing.

    None of these counts what is on silent hosts: `silent` is how many listened there when they
    were seen last, and null of another time than now. `states` counts every port, these by what
    they were last. The sockets of clients are in none of these but `clients`.
    """

    listening = serializers.IntegerField(allow_null=True)
    known = serializers.IntegerField(allow_null=True)
    unknown = serializers.IntegerField(allow_null=True)
    unhealthy = serializers.IntegerField(allow_null=True)
    missing = serializers.IntegerField(allow_null=True)
    silent = serializers.IntegerField(allow_null=True)
    clients = serializers.IntegerField(allow_null=True)
    states = StatesSerializer(allow_null=True)


def counts(tally: Tally, overview: Overview | None = None) -> dict[str, Any]:
    """Return the numbers of a tally by state, and by the words of the board: of its overview."""
    states = tally.of_state()
    return {
        **asdict(overview.seen if overview else Summary.of(tally.counts())),
        "silent": overview and overview.lost,
        "clients": tally.clients,
        "states": {state: states[state] for state in PortState.values},
    }


def counts_then(looks: Counter[Look], tally: Tally | None, unknown: int) -> dict[str, Any]:
    """Return the numbers of a time, without a tally only those of who was up, and why."""
    told = dict.fromkeys(TOLD) if tally is None else counts(tally)
    return told | {
        "listening": looks[Look.UP],
        "looks": {look: looks[look] for look in Look},
        "reason": TOO_MUCH if tally is None else _not_known(unknown),
    }


def _not_known(ports: int) -> str:
    """
    Say of how many ports it is not known how they stood.

    >>> _not_known(0), _not_known(1), _not_known(2)
    ('', 'How 1 port stood is not known.', 'How 2 ports stood is not known.')
    """
    return f"How {ports} port{'' if ports == 1 else 's'} stood is not known." if ports else ""
