"""What other programs are told of a port: one plain dict, from which each format is made."""

from portatlas.models import Port


def facts(port: Port) -> dict[str, str | int | list[str]]:
    """
    Return what is known of a port of with_state(), its note included; "" is what is not known.

    The command line is left out: whoever scrapes or plays books needs no arguments of programs.
    """
    note = port.note
    return {
        "host": port.host_id,
        "port": port.port,
        "protocol": port.protocol,
        "state": port.state.value,
        "scope": port.scope,
        "addresses": list(dict.fromkeys(end["address"] for end in port.endpoints)),
        "process": port.process_name,
        "user": port.user,
        "unit": port.unit,
        "container": port.container_name or port.container[:12],
        "image": port.image,
        "compose_service": port.compose_service,
        "well_known": port.well_known,
        "title": note.title if note else "",
        "owner": note.owner if note else "",
        "service_type": note.service_type if note else "",
        "risk": note.risk_level if note else "",
        "tags": note.tags if note else [],
    }
