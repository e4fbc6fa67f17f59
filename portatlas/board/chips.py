"""Chips: the filters of the board as links, each with what it would leave."""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from collector.models import Host
from portatlas.board.selection import GROUPS, Selection
from portatlas.overview import Overview
from portatlas.silence import last_look
from portatlas.states import PortState
from portatlas.tally import Tally
from portatlas.words import ago

MOST_HOSTS = 12


class Chip(NamedTuple):
    """One choice. `value` is "" for no filter at all."""

    value: str
    label: str
    meaning: str
    link: str
    is_chosen: bool
    count: int | None = None


class HostChip(NamedTuple):
    """One host with its own sentence."""

    host_id: str
    summary: Overview
    last_look: str
    link: str
    is_chosen: bool


def state_chips(found: Tally, selection: Selection) -> list[Chip]:
    """Return a chip for every port and one for each state, with their counts."""
    counts = found.of_state()
    rows = [("", "All", "every port", found.total)]
    rows += [(state.value, state.label, state.meaning, counts[state]) for state in PortState]
    return [
        Chip(value, label, meaning, selection.link(state=value), value == selection.state, count)
        for value, label, meaning, count in rows
    ]


def host_chips(
    hosts: Sequence[Host], everything: Tally, selection: Selection, now: datetime
) -> list[HostChip]:
    """Return the hosts that need a look most, up to twelve; none where there is but one."""
    if len(hosts) < 2:
        return []
    summaries = {host: Overview.of_host(host, everything, now) for host in hosts}

    def place(host: Host) -> tuple:
        return host.host_id != selection.host, *summaries[host].urgency, host.host_id

    return [
        HostChip(
            host.host_id,
            summaries[host],
            ago(last_look(host), now),
            selection.link(host=host.host_id),
            host.host_id == selection.host,
        )
        for host in sorted(hosts, key=place)[:MOST_HOSTS]
    ]


def group_chips(selection: Selection) -> list[Chip]:
    """Return the ways to group the cards."""
    return [
        Chip(value, label, "", selection.link(group=value), value == selection.group)
        for value, label in [("", "urgency"), *((name, name) for name in GROUPS)]
    ]
