"""
The API against its own description: whatever is asked, the answer is one that it tells of.

schemathesis makes requests of the description, right ones and wrong ones, and checks each answer:
no failure, a status and a media type that are documented, a body of that schema, that wrong
requests are refused and right ones are not. `tests/benchmarks/fuzz.py` asks more of them.

All its checks are made. One of them asks more than a description can promise, that each right
request is accepted, and has `taken` around it: a right request may be refused for what is there or
is not, and for rules that no schema can say, if each error tells the code of such a rule.
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
from hypothesis.strategies import sampled_from
from schemathesis import openapi
from schemathesis.generation.meta import TestPhase
from schemathesis.openapi.checks import RejectedPositiveData
from schemathesis.specs.openapi.checks import positive_data_acceptance

from collector.models import Coverage, HostEvent, PortEvent
from portatlas.api.at import CHOOSING
from portatlas.api.filters import PortFilter
from portatlas.api.ports import PortViewSet
from portatlas.api.schema import described
from portatlas.contexts.reservations.models import Reservation
from portatlas.contexts.reservations.services import Actor, reserve
from portatlas.tokens import services
from portatlas.tokens.scopes import Scope

EXAMPLES = int(os.environ.get("PORTATLAS_FUZZ", "0"))  # to each operation, right ones and wrong
FEW = 8
ASKED = Counter()  # status: requests
BROKEN = Counter()  # code of a rule: right requests that were refused for it
OF_WHAT_IS_THERE = {404, 409, 412}

# Headers are made of letters and digits alone, whatever their pattern, unless somebody shows how.
openapi.format("entity-tags", sampled_from(["*", '"1"', 'W/"1"', '"", "7" ,"\xe9"']))

schema = openapi.from_dict(described())
schema.app = get_wsgi_application()
refusals = schema.config.checks.negative_data_rejection
refusals.expected_statuses = [*refusals.expected_statuses, "413"]  # more items than are taken
# Every bound of every parameter, and every method: thousands of requests, which take their time.
schema.config.phases.coverage.enabled = bool(EXAMPLES)

# Together they break a rule: what is asked of a time and of today, and two ways through a history.
OF_TODAY = {*PortFilter.base_filters, *PortViewSet(action="list").parameters} - CHOOSING
APART = [({"at", "look"}, OF_TODAY), ({"after"}, {"cursor"})]

usual = settings(
    max_examples=EXAMPLES or FEW,
    database=None,
    deadline=None,
    derandomize=True,
    suppress_health_check=list(HealthCheck),
)


@schema.hook
def map_case(context, case):
    """Leave out, where a parameter is tried beside all others, what it can't be said with."""
    if case.meta.phase.name == TestPhase.COVERAGE:
        tried = case.meta.phase.data.parameter
        for some, others in APART:
            if some & case.query.keys() and others & case.query.keys():
                left_out = others if tried in some else some
                case.query = {name: case.query[name] for name in case.query.keys() - left_out}
    return case


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
def seeded(open_port, write_note, settings):
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
    for host_id, number in (("atlas", 443), (settings.PORTATLAS_HOST_ID, 8080), ("*", 9000)):
        wanted = Reservation(host_id=host_id, port=number, project="shop", tags=["web"])
        reserve(wanted, by=Actor("alice"), at=at)


@pytest.fixture
def shown(django_user_model):
    """What nobody shows, and members of two groups by tokens of all scopes."""
    scopes = [scope for scope in Scope if scope != Scope.ADMIN]
    secrets = []
    for name in ("viewer", "admin"):
        user = django_user_model.objects.create_user(name)
        user.groups.add(Group.objects.get(name=name))
        secrets.append(services.make(user, name="Fuzz", scopes=scopes, at=timezone.now())[1])
    return [{}, *({"Authorization": f"Bearer {secret}"} for secret in secrets)]


def taken(ctx, response, case):
    """Check that a right request is accepted, or refused for nothing that the schema could say."""
    try:
        positive_data_acceptance(ctx, response, case)
    except RejectedPositiveData:
        codes = list(codes_of(response.json()))
        if "" in codes:
            raise
        BROKEN.update(set(codes))


def codes_of(problem):
    """Yield the code of each error that is not of what is there, and "" for one without."""
    if "items" in problem:
        for item in problem["items"]:
            yield from codes_of(item.get("problem", {"errors": []}))
    elif problem.get("status") not in OF_WHAT_IS_THERE:
        yield from (error.get("code", "") for error in problem.get("errors", [{}]))


@pytest.mark.usefixtures("seeded")
@schema.parametrize()
@usual
def test_every_answer_is_one_that_the_description_tells_of(case, shown):
    """Each asks the same, which takes longer to make up than to answer."""
    for headers in shown:
        with transaction.atomic():
            response = case.call_and_validate(
                headers=headers,
                excluded_checks=[positive_data_acceptance],
                additional_checks=[taken],
            )
            transaction.set_rollback(True)

        ASKED[response.status_code] += 1
