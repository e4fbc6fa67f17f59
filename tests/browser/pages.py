"""
The pages of ours that a browser looks at: one line each.

A line is a name, an address, the method of Fleet that records what the page shows, and what
somebody does there first.
"""

from collections.abc import Callable
from typing import NamedTuple

from playwright.sync_api import Page

from tests.browser.fleet import Fleet
from tests.browser.hands import annotate, open_editor, open_help, unfold_reservation


def only_look(page: Page) -> None:
    """Do nothing."""


class OurPage(NamedTuple):
    name: str
    path: str
    record: Callable[[Fleet], object]
    begin: Callable[[Page], None] = only_look


PAGES = [
    OurPage("empty board", "/", Fleet.nothing),
    OurPage("board of a quiet host", "/", Fleet.quiet_host),
    OurPage("board of one port", "/", Fleet.one_port),
    OurPage("board of 30 ports", "/", Fleet.thirty_ports),
    OurPage("board of 3 hosts", "/", Fleet.three_hosts),
    OurPage("board of one of 3 hosts", "/?host=silent", Fleet.three_hosts),
    OurPage("board of one state", "/?state=healthy", Fleet.thirty_ports),
    OurPage("board that finds nothing", "/?q=nothing", Fleet.thirty_ports),
    OurPage("last page of 500 ports", "/?page=6", Fleet.five_hundred_ports),
    OurPage("board by owner", "/?group=owner", Fleet.three_hosts),
    OurPage("board of stale knowledge", "/?stale=1", Fleet.stale_note),
    OurPage("board with a note being written", "/", Fleet.every_kind, open_editor),
    OurPage("board with its help", "/", Fleet.one_port, open_help),
    OurPage("the same for many notes", "/", Fleet.every_kind, annotate),
    OurPage("port", "/ports/atlas/tcp/443/", Fleet.storied_port),
    OurPage("port without a note", "/ports/atlas/tcp/22/", Fleet.one_port),
    OurPage("port of hostile names", "/ports/atlas/tcp/2001/", Fleet.thirty_ports),
    OurPage("port of a silent host", "/ports/silent/tcp/22/", Fleet.three_hosts),
    OurPage("port never seen", "/ports/atlas/tcp/9000/", Fleet.thirty_ports),
    OurPage("port of every host", "/ports/*/tcp/22/", Fleet.note_for_every_host),
    OurPage("board of reserved ports", "/", Fleet.reserved_ports),
    OurPage("reserved port", "/ports/atlas/tcp/8080/", Fleet.reserved_ports, unfold_reservation),
    OurPage("reservation", "/ports/atlas/tcp/8080/reserve/", Fleet.reserved_ports),
    OurPage("no projects", "/projects/", Fleet.nothing),
    OurPage("projects", "/projects/", Fleet.reserved_ports),
    OurPage("project", "/projects/shop/", Fleet.reserved_ports),
    OurPage("note", "/ports/atlas/tcp/443/note/", Fleet.storied_port),
    OurPage("first note", "/ports/atlas/tcp/22/note/", Fleet.one_port),
    OurPage("no hosts", "/hosts/", Fleet.nothing),
    OurPage("hosts", "/hosts/", Fleet.three_hosts),
    OurPage("host", "/hosts/atlas/", Fleet.storied_port),
    OurPage("silent host", "/hosts/silent/", Fleet.three_hosts),
    OurPage("no changes", "/changes/", Fleet.nothing),
    OurPage("changes", "/changes/", Fleet.storied_port),
    OurPage("difference of two hosts", "/changes/?host=atlas&with=silent", Fleet.three_hosts),
]
