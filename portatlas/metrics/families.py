"""The metrics: what a reading says in Prometheus' words. No queries."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime

from prometheus_client.core import GaugeMetricFamily, InfoMetricFamily, Metric

from collector.models import Host
from collector.sweep import Verdict
from collector.timekeeping import ours
from portatlas.intervals import Look
from portatlas.metrics.reading import Reading
from portatlas.silence import last_look
from portatlas.states import PortState

STATES = (*PortState.values, Look.UNKNOWN.value)


def seconds(moment: datetime | None) -> float:
    """Return a moment in Unix time, 0 for one that never was: an alert on its age then fires."""
    return moment.timestamp() if moment else 0


# Of each host: a name, what it tells, and how it is read.
OF_HOST: tuple[tuple[str, str, Callable[[Host], float]], ...] = (
    (
        "portatlas_host_last_look_timestamp_seconds",
        "When the host was last looked at, with whatever verdict.",
        lambda host: seconds(last_look(host)),
    ),
    (
        "portatlas_host_last_sweep_timestamp_seconds",
        "When the host was last looked at completely; 0 if it never was.",
        lambda host: seconds(host.last_sweep_at and ours(host.last_sweep_at, host.clock_ahead)),
    ),
    (
        "portatlas_host_sweep_duration_seconds",
        "How long the last look at the host took.",
        lambda host: host.duration,
    ),
    (
        "portatlas_host_sweep_interval_seconds",
        "How often the host is to be looked at; 0 when nothing is planned.",
        lambda host: host.sweep_interval,
    ),
    (
        "portatlas_host_refused_look_timestamp_seconds",
        "When a look at the host was last refused; 0 if none ever was.",
        lambda host: seconds(host.refused_at),
    ),
    (
        "portatlas_host_clock_ahead_seconds",
        "By how much the last look is dated ahead of the hub's clock; 0 too if that is not told.",
        lambda host: host.clock_ahead,
    ),
    (
        "portatlas_host_event_source",
        "1 if the host's kernel tells of ports that open and close, 0 if only looks do.",
        lambda host: bool(host.event_source),
    ),
)


def families(reading: Reading, build: dict[str, str]) -> Iterator[Metric]:
    """Yield every metric family, the build's first."""
    yield InfoMetricFamily("portatlas_build", "Which Port Atlas this is.", value=build)
    yield from _of_ports(reading)
    for name, meaning, value in OF_HOST:
        rows = (((host.host_id,), value(host)) for host in reading.hosts)
        yield _gauge(name, meaning, ("host",), rows)
    yield _gauge(
        "portatlas_host_verdict",
        "How far the last look at the host may be believed: 1 for its verdict, 0 for the others.",
        ("host", "verdict"),
        (
            ((host.host_id, verdict.value), float(host.verdict == verdict))
            for host in reading.hosts
            for verdict in Verdict
        ),
    )
    yield _gauge(
        "portatlas_host_silent",
        "Whether three looks at the host are missing: what its ports do is unknown.",
        ("host",),
        (((host.host_id,), float(host.host_id in reading.silent)) for host in reading.hosts),
    )
    yield _gauge(
        "portatlas_notes",
        "Notes by the risk that they state.",
        ("risk",),
        (((risk,), count) for risk, count in reading.notes.items()),
    )
    yield _gauge(
        "portatlas_reservations",
        "Reserved ports by how they stand; violated is what somebody else holds.",
        ("status",),
        (((status,), count) for status, count in reading.reservations.items()),
    )
    yield _gauge(
        "portatlas_notification_deliveries",
        "Notifications in the log of deliveries by status.",
        ("status",),
        (((status,), count) for status, count in reading.deliveries.items()),
    )
    yield from _of_machinery(reading)


def _of_ports(reading: Reading) -> Iterator[Metric]:
    hosts = [host.host_id for host in reading.hosts]
    seen = [host for host in hosts if host not in reading.silent]
    states = {host: _states(reading, host) for host in hosts}
    yield _gauge(
        "portatlas_ports",
        "Ports by state, without client sockets. Of a silent host that of all is unknown.",
        ("host", "state"),
        (((host, state), states[host][state]) for host in hosts for state in STATES),
    )
    kinds = {host: reading.ports.by_host.get(host, {}) for host in hosts}
    yield _gauge(
        "portatlas_listening_ports",
        "Ports that listen, in whatever state, without client sockets. Silent hosts have none.",
        ("host",),
        (((host,), sum(n for kind, n in kinds[host].items() if kind.is_active)) for host in seen),
    )
    yield _gauge(
        "portatlas_port_clients",
        "Sockets that are taken for those of clients, and counted nowhere else.",
        ("host",),
        (((host,), reading.ports.clients_by_host.get(host, 0)) for host in hosts),
    )


def _states(reading: Reading, host: str) -> Counter[str]:
    """Count the ports of a host by state, or all as unknown while nobody sees it."""
    ports = reading.ports.of_host(host)
    return Counter({Look.UNKNOWN: ports.total}) if host in reading.silent else ports.of_state()


def _of_machinery(reading: Reading) -> Iterator[Metric]:
    yield _gauge(
        "portatlas_database_size_bytes", "Size of the database.", (), [((), reading.database_size)]
    )
    is_up = reading.queues is not None
    yield _gauge(
        "portatlas_queue_up", "Whether the queue of tasks can be read.", (), [((), float(is_up))]
    )
    yield _gauge(
        "portatlas_queue_messages",
        "Tasks that wait for a worker.",
        ("queue",),
        (((name,), count) for name, count in (reading.queues or {}).items()),
    )


def _gauge(
    name: str, meaning: str, labels: tuple[str, ...], rows: Iterable[tuple[tuple[str, ...], float]]
) -> Metric:
    family = GaugeMetricFamily(name, meaning, labels=labels)
    for values, number in rows:
        family.add_metric(values, number)
    return family
