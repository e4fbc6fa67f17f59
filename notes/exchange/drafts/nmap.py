"""Notes from what `nmap -oX` writes: the open ports of each host."""

from typing import Any, NoReturn
from xml.parsers import expat

from notes.exchange.document import Document
from notes.exchange.drafts import known, ranges
from notes.exchange.drafts.draft import Draft, clean
from notes.exchange.faults import BadFileError

PROTOCOLS = {"tcp", "udp"}
DEEPEST = 40


def draft(text: str, host: str | None) -> Document:
    """
    Return notes about the open ports that nmap has seen.

    A host is called by the name that was asked for, else by its address; `host` is what it is
    called in truth, and then there must be one only. What declares entities is refused, and nothing
    outside of the file is read. Raises BadFileError.
    """
    reader = _Reader(host)
    parser = expat.ParserCreate("utf-8")
    reader.parser = parser
    parser.StartElementHandler = reader.start
    parser.EndElementHandler = reader.end
    parser.EntityDeclHandler = reader.refuse
    try:
        parser.Parse(text.encode(), True)
    except expat.ExpatError as exc:
        why = expat.ErrorString(exc.code)
        raise BadFileError.at(exc.lineno, f"This is no XML: {why}.") from exc
    return reader.notes.document()


class _Reader:
    """Takes the elements of a file as they come."""

    def __init__(self, host: str | None):
        self.notes = Draft()
        self.parser: Any = None
        self.called = host
        self.hosts = 0
        self.depth = 0
        self.address = self.name = ""
        self.port: dict[str, str] = {}
        self.service: dict[str, str] = {}
        self.state = ""

    @property
    def line(self) -> int:
        return self.parser.CurrentLineNumber

    def refuse(self, *declaration) -> NoReturn:
        raise BadFileError.at(self.line, "It declares an entity, which nmap doesn't: not read.")

    def start(self, element: str, said: dict[str, str]) -> None:
        self.depth += 1
        if self.depth == 1 and element != "nmaprun":
            raise BadFileError.at(self.line, "This is no output of nmap -oX.")
        if self.depth > DEEPEST:
            raise BadFileError.at(self.line, f"This is nested deeper than {DEEPEST} levels.")
        if element == "host":
            self.address = self.name = ""
        elif element == "address" and said.get("addrtype") in {"ipv4", "ipv6"}:
            self.address = self.address or said.get("addr", "")
        elif element == "hostname" and (said.get("type") == "user" or not self.name):
            self.name = said.get("name", "")
        elif element == "ports":
            self._ports()
        elif element == "port":
            self.port, self.service, self.state = said, {}, ""
        elif element == "state":
            self.state = said.get("state", "")
        elif element == "service":
            self.service = said

    def end(self, element: str) -> None:
        self.depth -= 1
        if element == "port":
            self._port()

    def _ports(self) -> None:
        self.hosts += 1
        if not self.called and ranges.scope(self.address) == "loopback":
            self.notes.remark(
                self.line, f"nmap looked at its own machine: say how {self.address} is called."
            )
        if self.called and self.hosts > 1:
            text = "It is about more than one host: leave out how the host is called."
            raise BadFileError.at(self.line, text)

    def _port(self) -> None:
        number, protocol = self.port.get("portid", ""), self.port.get("protocol", "")
        shown = clean(f"{number}/{protocol}", 30)
        if self.state == "open|filtered":
            self.notes.remark(self.line, f"{shown}: nmap doesn't know whether it is open.")
        if self.state != "open":
            return
        host = self.called or self.name or self.address
        if protocol not in PROTOCOLS or not number.isdecimal() or len(number) > 5:
            self.notes.remark(self.line, f"{shown} is no port that is looked at: it is left out.")
            return
        service = self.service.get("name", "")
        self.notes.add(self.line, (host, protocol, int(number)), **_about(service, self.service))


def _about(service: str, said: dict[str, str]) -> dict[str, Any]:
    """
    Return what nmap knows of a service.

    >>> _about("http", {"name": "http", "method": "table"})["description"]
    'nmap names it http, after its number alone.'
    """
    product = clean(f"{said.get('product', '')} {said.get('version', '')}", 150)
    is_guess = said.get("method") != "probed"
    if not service:
        description = "nmap saw it open."
    elif is_guess:
        description = f"nmap names it {clean(service, 50)}, after its number alone."
    else:
        tunnel = " in TLS" if said.get("tunnel") == "ssl" else ""
        extra = clean(said.get("extrainfo", ""), 150)
        seen = f"{product} ({extra})" if product and extra else product or extra
        description = f"nmap saw {clean(service, 50)}{tunnel}{f': {seen}' if seen else ''}."
    return {
        "title": product or clean(service, 100),
        "description": description,
        "service_type": "" if is_guess else known.service_type(service),
    }
