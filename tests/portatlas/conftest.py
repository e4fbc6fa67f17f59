import socket
import subprocess
import time

import pytest
from django.contrib.auth.models import Group

from tests.tools import require


@pytest.fixture
def redis(tmp_path):
    """A Redis of our own on a free loopback port; its URL."""
    program = require("redis-server")
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    server = subprocess.Popen(  # noqa: S603  # the program found above
        [program, "--bind", "127.0.0.1", "--port", str(port), "--save", "", "--dir", str(tmp_path)],
        stdout=subprocess.DEVNULL,
    )
    while server.poll() is None:
        with socket.socket() as attempt:
            if not attempt.connect_ex(("127.0.0.1", port)):
                break
        time.sleep(0.05)
    yield f"redis://127.0.0.1:{port}/0"
    server.terminate()
    server.wait()


@pytest.fixture
def member(client, django_user_model):
    """Return a function that logs in a member of a group, who may enter the admin."""

    def member(group):
        user = django_user_model.objects.create_user(group, is_staff=True)
        user.groups.add(Group.objects.get(name=group))
        client.force_login(user)
        return client

    return member
