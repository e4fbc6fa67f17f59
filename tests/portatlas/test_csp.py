"""No page, the admin included, needs an exception from the Content-Security-Policy."""

from html.parser import HTMLParser

import pytest
from django.urls import reverse

POLICY = {
    "default-src 'self'",
    "base-uri 'none'",
    "form-action 'self'",
    "frame-ancestors 'none'",
    "object-src 'none'",
}


def policy(response):
    return set(response["Content-Security-Policy"].split("; "))


class InlineFinder(HTMLParser):
    """Collects what a browser would refuse under the policy."""

    def __init__(self):
        super().__init__()
        self.found = []

    def handle_starttag(self, tag, attrs):
        attributes = dict(attrs)
        runs = attributes.get("type", "text/javascript") in {"text/javascript", "module"}
        if tag == "style" or (tag == "script" and "src" not in attributes and runs):
            self.found.append(tag)
        self.found += [name for name, _value in attrs if name == "style" or name.startswith("on")]
        self.found += [
            value for _name, value in attrs if value and value.lower().startswith("javascript:")
        ]


PAGES = [
    "/",
    "/?state=gone&q=nothing",
    "/?group=owner",
    "/ports/atlas/tcp/80/",
    "/ports/atlas/tcp/80/note/",
    "/ports/atlas/tcp/81/note/?own=1",
    "/hosts/",
    "/hosts/atlas/",
    "/changes/",
    "/changes/?host=atlas&with=beta",
    "/nowhere/",
    "/admin/",
    "/admin/portatlas/port/",
    "/admin/notes/portnote/",
    "/admin/notes/portnote/add/",
    "/admin/collector/host/",
    "/admin/collector/portevent/",
    "/admin/collector/coverage/",
    "/admin/auth/user/",
    "/admin/auth/user/add/",
    "/admin/django_celery_beat/periodictask/",
    "/admin/django_celery_beat/periodictask/add/",
    "/admin/collector/hostevent/",
    "/admin/django_celery_beat/intervalschedule/",
    "/admin/password_change/",
    "/healthz",
    "/api/v1/ports/",
]


@pytest.mark.parametrize("address", PAGES)
def test_the_policy_is_strict_and_the_page_keeps_it(
    address, admin_client, open_port, write_note, add_host
):
    open_port(80)
    open_port(81, gone=True)
    add_host("beta")
    write_note(81, tags=["web"], owner="alice")
    write_note(9000)

    response = admin_client.get(address)
    finder = InlineFinder()
    finder.feed(response.text)

    assert (policy(response), finder.found) == (POLICY, [])


def test_the_detail_pages_of_the_admin_keep_it_too(admin_client, open_port, write_note):
    port, note = open_port(80), write_note(80)

    for address in (
        reverse("admin:portatlas_port_change", args=[port.pk]),
        reverse("admin:collector_host_change", args=["atlas"]),
        reverse("admin:notes_portnote_change", args=[note.pk]),
        reverse("admin:notes_portnote_history", args=[note.pk]),
        reverse("admin:notes_portnote_delete", args=[note.pk]),
    ):
        response = admin_client.get(address)
        finder = InlineFinder()
        finder.feed(response.text)
        assert (response.status_code, finder.found) == (200, [])


def test_the_page_that_annotates_keeps_it(admin_client, open_port):
    open_port(80)

    response = admin_client.post("/annotate/", {"port": "atlas/tcp/80@0"})
    finder = InlineFinder()
    finder.feed(response.text)

    assert (response.status_code, finder.found) == (200, [])


def test_the_login_page_keeps_it(client, db):
    response = client.get("/login/")
    finder = InlineFinder()
    finder.feed(response.text)

    assert (policy(response), finder.found) == (POLICY, [])
