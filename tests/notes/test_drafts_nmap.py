"""Notes from what nmap writes."""

import pytest

from notes.exchange.sources import Kind
from tests.notes.drafted import note, read, refused, said


def test_nmap_says_what_it_saw():
    found = read(Kind.NMAP, file="nmap-7.93.xml", host=None)

    assert said(found) == [
        ("localhost", "tcp", 15432, None),
        ("localhost", "tcp", 18080, "SimpleHTTPServer 0.6"),
    ]
    assert note(found, 18080) == {
        "title": "SimpleHTTPServer 0.6",
        "description": "nmap saw http: SimpleHTTPServer 0.6 (Python 3.11.7).",
        "service_type": "web",
    }
    assert found.remarks[0] == (
        "line 26: nmap looked at its own machine: say how 127.0.0.1 is called."
    )


def scan(ports, address="192.168.0.5"):
    return (
        '<?xml version="1.0"?>\n<!DOCTYPE nmaprun>\n<nmaprun>'
        f'<host><address addr="{address}" addrtype="ipv4"/><ports>{ports}</ports></host></nmaprun>'
    )


def port(number, *, protocol="tcp", state="open", service=""):
    return f'<port protocol="{protocol}" portid="{number}"><state state="{state}"/>{service}</port>'


def test_what_nmap_only_guesses_is_said_as_such():
    table = port(22, service='<service name="ssh" method="table"/>')

    found = read(Kind.NMAP, scan(table), host=None)

    assert said(found) == [("192.168.0.5", "tcp", 22, "ssh")]
    assert note(found, 22) == {
        "title": "ssh",
        "description": "nmap names it ssh, after its number alone.",
    }


def test_what_nmap_leaves_open_is_remarked():
    ports = [
        port(53, protocol="udp", state="open|filtered"),
        port(54, protocol="sctp"),
        port(55, state="closed"),
        port(99999),
    ]

    found = read(Kind.NMAP, scan("".join(ports)))

    assert found.entries == ()
    assert found.remarks == (
        "line 3: 53/udp: nmap doesn't know whether it is open.",
        "line 3: 54/sctp is no port that is looked at: it is left out.",
        (
            "line 3: 99999/tcp on atlas is left out. "
            "'port': '99999' is no port: a port is a number from 1 to 65535."
        ),
    )


def test_one_name_is_not_for_two_hosts():
    text = scan(port(22)).replace("<nmaprun>", "<nmaprun><host><ports/></host>")

    assert refused(Kind.NMAP, text) == [
        "line 3: It is about more than one host: leave out how the host is called."
    ]


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("<html/>", "line 1: This is no output of nmap -oX."),
        ("<nmaprun>", "line 1: This is no XML: no element found."),
        ("nothing", "line 1: This is no XML: syntax error."),
        (
            '<!DOCTYPE nmaprun [\n<!ENTITY a "b">]><nmaprun>&a;</nmaprun>',
            "line 2: It declares an entity, which nmap doesn't: not read.",
        ),
        (
            '<!DOCTYPE nmaprun [<!ENTITY a SYSTEM "file:///etc/passwd">]><nmaprun>&a;</nmaprun>',
            "line 1: It declares an entity, which nmap doesn't: not read.",
        ),
        ("<nmaprun>" + "<a>" * 50, "line 1: This is nested deeper than 40 levels."),
    ],
)
def test_what_is_no_output_of_nmap_is_refused(text, why):
    assert refused(Kind.NMAP, text) == [why]
