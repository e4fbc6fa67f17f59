"""A port's owner in words: its title, how it is held, and what is wrong with that."""

import html
import re

import pytest

from portatlas.board import owners
from portatlas.models import Port
from tests.conftest import NOON

PROXY = {
    "process_name": "docker-proxy",
    "role": "proxy",
    "container": "f3a9c0d1e2b344556677",
    "container_name": "shop-web-1",
}


def end(address="0.0.0.0", family="v4", pid=1, process_name="", **fields):
    return {
        "address": address,
        "device": "",
        "scope": "any",
        "backlog": 0,
        "limit": 128,
        "cookie": "1",
        "inode": 1,
        "family": family,
        "pid": pid,
        "process_name": process_name,
    } | fields


def the_port():
    return Port.objects.for_board(NOON).get()


@pytest.mark.parametrize(
    ("facts", "title"),
    [
        ({}, "sshd"),
        (PROXY, "shop-web-1"),
        (PROXY | {"compose_service": "web"}, "web"),
        ({"owner_state": "kernel", "process_name": "nfsd"}, "kernel: nfsd"),
        ({"owner_state": "kernel", "process_name": "", "well_known": "nfs"}, "kernel"),
        ({"process_name": "nginx", "well_known": "https"}, "nginx"),
        ({"process_name": "", "well_known": "https"}, "usually https"),
        ({"process_name": ""}, "no process to be seen"),
    ],
)
def test_a_port_is_called_by_the_best_name_there_is(facts, title, open_port):
    """N45, N47: the kernel says so, and a proxy is not the service."""
    open_port(443, **facts)

    assert owners.title(the_port()) == title


def test_a_note_names_a_port_before_anything_else(open_port, write_note):
    open_port(80, **PROXY)
    write_note(80, title="The shop")

    assert owners.title(the_port()) == "The shop"


@pytest.mark.parametrize(
    ("facts", "words"),
    [
        ({}, ""),
        (PROXY, "docker-proxy holds it for shop-web-1"),
        (PROXY | {"container_name": ""}, "docker-proxy holds it for f3a9c0d1e2b3"),
        (
            {"process_name": "rootlessport", "role": "proxy"},
            "rootlessport holds it for a container",
        ),
        (
            {"role": "socket_unit", "unit": "cups.service", "socket_unit": "cups.socket"},
            "systemd waits for cups.service",
        ),
        ({"role": "socket_unit", "socket_unit": "cups.socket"}, "systemd waits for cups.socket"),
        ({"role": "tunnel"}, "an SSH forward"),
        ({"owner_state": "kernel"}, "the kernel itself listens"),
        ({"owner_state": "not_permitted"}, "the collector may not see who holds it"),
        (
            {"owner_state": "outside_view"},
            "held in another PID namespace, where the collector can't see",
        ),
        ({"owner_state": "pending"}, "who holds it is looked up at the next look"),
        ({"owner_state": "unknown"}, "all processes could be seen, and none has it"),
        ({"owner_state": "not_permitted", "gone": True}, ""),
    ],
)
def test_how_a_port_is_held_is_said_in_words(facts, words, open_port):
    """N29, N32, N35, N45, N46, N47, N50, N54: why there is no owner, or what part it plays."""
    open_port(80, **facts)

    assert owners.holding(the_port()) == words


@pytest.mark.parametrize(
    ("facts", "faults"),
    [
        ({}, []),
        (
            {"exe_is_deleted": True},
            ["Its program file was replaced or removed since it started: restart it."],
        ),
        ({"exe_is_deleted": True, "gone": True}, []),
        (
            {"backlog": 65, "backlog_limit": 128, "endpoints": [end(backlog=65)]},
            ["Accept queue 65 of 128: it is slow to take its connections."],
        ),
        ({"backlog": 64, "backlog_limit": 128, "endpoints": [end(backlog=64)]}, []),
        ({"backlog": 9000, "endpoints": [end(backlog=9000, limit=0)]}, []),
        (
            {"endpoints": [end(process_name="nginx"), end("10.0.0.1", process_name="caddy")]},
            ["Its addresses belong to different programs: nginx, caddy."],
        ),
        (
            {"endpoints": [end(pid=7), end("::", "v6", pid=8)]},
            ["Its addresses belong to different processes: one has IPv4, one has IPv6."],
        ),
        ({"endpoints": [end(pid=7), end("::", "v6", pid=7)]}, []),
        ({"endpoints": [end(pid=7), end("::", "dual", pid=8)]}, []),
        ({"endpoints": [end(pid=7), end("::", "v6", pid=None)]}, []),
        ({"endpoints": [end(pid=7), end(pid=8)]}, []),  # SO_REUSEPORT
        (PROXY | {"endpoints": [end(pid=7), end("::", "v6", pid=8)]}, []),
    ],
)
def test_what_is_wrong_with_a_port_is_said_in_sentences(facts, faults, open_port):
    """N40, N42: one program in many processes is no fault, two on one port are."""
    open_port(80, **facts)

    assert owners.faults(the_port()) == faults


@pytest.mark.parametrize("address", ["/", "/ports/atlas/tcp/80/"])
def test_title_holder_and_faults_stand_on_card_and_page(address, admin_client, open_port):
    open_port(80, **PROXY, exe_is_deleted=True)

    text = admin_client.get(address).text

    assert "shop-web-1" in text
    assert "ocker-proxy holds it for shop-web-1" in text
    assert "Its program file was replaced or removed since it started" in text


def rows(text):
    """Return the cells of each row of the table on a page."""
    cells = [
        re.findall(r"<td[^>]*>(.*?)</td>", row, re.DOTALL)
        for row in re.findall(r"<tr>(.*?)</tr>", text, re.DOTALL)
    ]
    return [
        [html.unescape(" ".join(re.sub(r"<[^>]+>", "", cell).split())) for cell in row]
        for row in cells
        if row
    ]


def test_the_page_shows_each_address_with_its_family_device_and_process(admin_client, open_port):
    """N2, N5, N41: every socket of a port keeps what is its own."""
    open_port(
        53,
        endpoints=[
            end("127.0.0.53", pid=7, process_name="resolved", device="lo", scope="loopback"),
            end("::", "dual", pid=8, process_name="dnsmasq", backlog=90),
            end("*", "unknown", pid=None),
        ],
    )

    text = admin_client.get("/ports/atlas/tcp/53/").text

    assert rows(text) == [
        ["127.0.0.53 on lo this machine only", "IPv4", "resolved pid 7", "0 of 128"],
        [":: everywhere", "IPv4 and IPv6", "dnsmasq pid 8", "90 of 128"],
        ["* everywhere", "not told", "nobody to be seen", "0 of 128"],
    ]


def test_a_port_of_thousands_of_sockets_shows_the_first(admin_client, open_port):
    """N18, N40: a page stays a page."""
    open_port(80, endpoints=[end(pid=pid) for pid in range(1, 3001)], pids=list(range(1, 3001)))

    text = admin_client.get("/ports/atlas/tcp/80/").text

    assert len(rows(text)) == 100
    assert "The first 100 of 3000 sockets." in text


def test_hostile_owners_stay_text(admin_client, open_port):
    """N20 to N27: a process, a container and a unit choose their names."""
    evil = "<script>alert(1)</script>"
    open_port(
        80,
        process_name=evil,
        cmdline='"><img src=x onerror=1>',
        unit=evil,
        socket_unit=evil,
        container="x",
        container_name=evil,
        image='" onmouseover="x',
        compose_service=evil,
        well_known=evil,
        endpoints=[end(process_name=evil, device=evil), end(process_name="'\"")],
    )

    for page in ("/", "/ports/atlas/tcp/80/", "/admin/portatlas/port/"):
        text = admin_client.get(page).text
        assert "<script>alert" not in text
        assert "<img src=x" not in text
        assert '" onmouseover="' not in text
