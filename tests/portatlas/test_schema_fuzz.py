"""
The API against its own description: whatever is asked, the answer is one that it tells of.

schemathesis makes requests of the description, right ones and wrong ones, and checks each answer:
no failure, a status and a media type that are documented, a body of that schema, and that wrong
requests are refused. `tests/benchmarks/fuzz.py` asks more of them.
"""

import os
from collections import Counter

import pytest
from django.contrib.auth.models import Group
from django.core.signals import request_finished, request_started
from django.core.wsgi import get_wsgi_application
from django.db import close_old_connections, transaction
from django.utils import timezone
from hypothesis import HealthCheck, settings
from schemathesis.openapi import from_dict
from schemathesis.specs.openapi.checks import positive_data_acceptance

from collector.models import Coverage, HostEvent, PortEvent
from portatlas.api.schema import described
from portatlas.tokens import services
from portatlas.tokens.scopes import Scope

EXAMPLES = int(os.environ.get("PORTATLAS_FUZZ", "0"))  # to each operation, right ones and wrong
FEW = 8
ASKED = Counter()  # status: requests

# Not every rule for a right request can be said: a time must be over, a cursor be one of ours.
EXCLUDED = [positive_data_acceptance]

schema = from_dict(described())
schema.app = get_wsgi_application()
# Every bound of every parameter, and every method: thousands of requests, which take their time.
schema.config.phases.coverage.enabled = bool(EXAMPLES)

usual = settings(
    max_examples=EXAMPLES or FEW,
    database=None,
    deadline=None,
    derandomize=True,
    suppress_health_check=list(HealthCheck),
)


@pytest.fixture(autouse=True)
def _no_throttle(settings):
    settings.PORTATLAS_API_RATE = settings.PORTATLAS_API_ANONYMOUS_RATE = "9999999/sec"


@pytest.fixture(autouse=True)
def _one_connection():
    """Keep the transaction of the test, as Django's own test client does."""
    for signal in (request_started, request_finished):
        signal.disconnect(close_old_connections)
    yield
    for signal in (request_started, request_finished):
        signal.connect(close_old_connections)


@pytest.fixture
def seeded(open_port, write_note):
    """One of everything that the API tells of."""
    port = open_port(443, process_name="nginx", pids=[7], current_pid=7)
    open_port(80, gone=True)
    open_port(53, protocol="udp")
    write_note(443, title="Shop", tags=["web"], owner="alice")
    write_note(22, host_id="*")
    at = timezone.now()
    PortEvent.objects.create(port_runtime=port, event_type="alive", timestamp=at)
    HostEvent.objects.create(host=port.host, event_type="rebooted", timestamp=at)
    Coverage.objects.create(host=port.host, started_at=at, ended_at=at)


@pytest.fixture(params=["nobody", "viewer", "admin"])
def shown(request, django_user_model):
    """What nobody shows, and members of two groups by tokens of all scopes."""
    if request.param == "nobody":
        return {}
    user = django_user_model.objects.create_user(request.param)
    user.groups.add(Group.objects.get(name=request.param))
    scopes = [scope for scope in Scope if scope != Scope.ADMIN]
    secret = services.make(user, name="Fuzz", scopes=scopes, at=timezone.now())[1]
    return {"Authorization": f"Bearer {secret}"}


@pytest.mark.usefixtures("seeded")
@schema.parametrize()
@usual
def test_every_answer_is_one_that_the_description_tells_of(case, shown):
    with transaction.atomic():
        response = case.call_and_validate(headers=shown, excluded_checks=EXCLUDED)
        transaction.set_rollback(True)

    ASKED[response.status_code] += 1
