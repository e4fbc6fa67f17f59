"""
A real browser on a real server: Debian's Chromium, driven by playwright, and nothing beyond this
machine. Its headless shell is the same engine without what surrounds a page, which costs half.

The tests of this folder come last in a process: what playwright and the server's threads need of
it then surrounds no other test.
"""

import os
import shutil
from pathlib import Path

import pytest
from django.apps import apps
from django.conf import settings as configured
from django.core.management import call_command
from django.core.management.color import no_style
from django.db import connection, transaction
from django.test import Client
from playwright.sync_api import expect
from pytest_django.live_server_helper import LiveServer

from tests.browser.checks import HEIGHT, WIDE
from tests.browser.fleet import Fleet
from tests.browser.watch import Watch
from tests.tools import require

HERE = Path(__file__).parent

ARGUMENTS = [
    "--disable-gpu",
    "--disable-quic",
    "--disable-sync",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-dev-shm-usage",  # /dev/shm is 64 MB in a container
    "--no-first-run",
    # Playwright sees what pages ask for; this also stops what Chromium asks for by itself.
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE localhost",
]


# A page may take its time where many tests run on few cores; playwright expects 5 seconds.
expect.set_options(timeout=30_000)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items):
    items.sort(key=lambda item: HERE in item.path.parents)


@pytest.fixture(scope="session")
def chromium():
    return shutil.which("chromium-headless-shell") or require("chromium")


@pytest.fixture(scope="session")
def browser_type_launch_args(chromium, browser_type_launch_args):
    arguments = [*ARGUMENTS, *(["--no-sandbox"] if os.geteuid() == 0 else [])]
    return browser_type_launch_args | {"executable_path": chromium, "args": arguments}


def tables():
    return [model for model in apps.get_models(include_auto_created=True) if not model._meta.proxy]


@pytest.fixture(scope="session")
def database_for_threads(chromium, django_db_setup, django_db_blocker, tmp_path_factory):
    """
    A database that each thread of the server opens for itself, as in use.

    SQLite in memory is one connection for all threads: two requests at once are in each other's
    transactions. Yields what migrations wrote: the rows of each table.
    """
    serialized = connection._test_serialized_contents
    in_memory, name = None, connection.settings_dict["NAME"]
    with django_db_blocker.unblock():
        if connection.vendor == "sqlite":
            file = tmp_path_factory.mktemp("browser") / "db.sqlite3"
            with connection.cursor() as cursor:
                cursor.execute("VACUUM INTO %s", [str(file)])
            in_memory, connection.connection = connection.connection, None
            connection.settings_dict["NAME"] = file
        # Another test with transactions may have left rows that would be in the way.
        call_command("flush", verbosity=0, interactive=False, inhibit_post_migrate=True)
        with transaction.atomic():
            connection.creation.deserialize_db_from_string(serialized)
            written = {table: list(table._base_manager.all()) for table in tables()}
            transaction.set_rollback(True)
        connection.close()
    yield {table: rows for table, rows in written.items() if rows}
    connection.settings_dict["NAME"], connection.connection = name, in_memory


@pytest.fixture(scope="session")
def playwright(live_server, playwright):
    """
    Playwright, beside which Django may be used.

    Its event loop counts as running in this thread as long as it lives. So Django would take all
    that a test does for asynchronous code, and gives it a connection other than the one before.
    """
    connection._test_serialized_contents = "[]"  # rows come back by a fixture of ours
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "true")
        yield playwright
        connection.close()


@pytest.fixture(scope="session")
def live_server(database_for_threads):
    """
    A server of our own: each of its threads opens the database for itself.

    One that another test has started may share that test's connection among its threads, which
    ends the whole process when two of them use it at once.
    """
    server = LiveServer("localhost")
    yield server
    server.stop()


@pytest.fixture(scope="session")
def base_url(live_server):
    return live_server.url


@pytest.fixture(scope="session")
def browser_context_args(browser_context_args):
    return browser_context_args | {"viewport": {"width": WIDE, "height": HEIGHT}}


@pytest.fixture(autouse=True)
def _what_migrations_wrote(database_for_threads, django_db_serialized_rollback, transactional_db):
    """
    The groups and the schedule, which the end of each of these tests throws away.

    They come back a table at a time, which Django does row by row, and with their keys, of which
    PostgreSQL's sequences know nothing.
    """
    with connection.constraint_checks_disabled(), transaction.atomic():
        for table, rows in database_for_threads.items():
            table._base_manager.bulk_create(rows)
    with connection.cursor() as cursor:
        for statement in connection.ops.sequence_reset_sql(no_style(), list(database_for_threads)):
            cursor.execute(statement)


@pytest.fixture
def complaints():
    """What the browser complained of. A test that means to see a complaint takes it out."""
    complaints = []
    yield complaints
    assert complaints == [], "\n".join(complaints)


@pytest.fixture
def new_context(live_server, complaints, new_context):
    """Return a function that opens a window of its own, watched until its last answer is there."""
    watches = []

    def watched(**options):
        context = new_context(**options)
        watches.append(Watch(context, live_server.url, complaints))
        return context

    yield watched
    for watch in watches:
        watch.finish()


@pytest.fixture
def page_as(live_server, new_context):
    """Return a function that opens a page for a user who has logged in."""

    def page_as(user, **options):
        client = Client()
        client.force_login(user)
        name = configured.SESSION_COOKIE_NAME
        context = new_context(**options)
        context.add_cookies(
            [{"name": name, "value": client.cookies[name].value, "url": live_server.url}]
        )
        return context.new_page()

    return page_as


@pytest.fixture
def signed_in(page_as, admin_user):
    """A page of the administrator."""
    return page_as(admin_user)


@pytest.fixture
def fleet(add_host, open_port, write_note):
    return Fleet(add_host, open_port, write_note)
