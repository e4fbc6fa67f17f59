"""Sweeps: what the agents of other machines bring, and how each was taken."""

import io
from datetime import datetime
from typing import Any, NoReturn

from django.conf import settings
from django.utils import timezone
from rest_framework import exceptions
from rest_framework.authentication import SessionAuthentication
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from collector import intake, wire
from collector.fields import TooLargeError, WireError
from collector.identity import SweepRefusedError, refuse
from collector.services import Outcome
from collector.signals import swept
from portatlas.api import senders, sweep_operations
from portatlas.api.authentication import Basic
from portatlas.api.bodies import said
from portatlas.api.parsers import StrictJSON
from portatlas.api.problems import Problem
from portatlas.api.rules import Rule
from portatlas.tokens.authentication import Bearer
from portatlas.tokens.scopes import Scope

ORDINARY = {409, 412}  # answers that each agent gets now and then, and that tell of nothing wrong


class Compressed(StrictJSON):
    """Reads JSON that may be compressed. Raises WireError beyond the limits of a sweep."""

    def parse(self, stream, media_type=None, parser_context=None):
        body = stream.read(wire.MOST_BYTES + 1)
        if len(body) > wire.MOST_BYTES:
            raise TooLargeError(f"The body has more than {wire.MOST_BYTES} bytes.")
        encoding = parser_context["request"].headers.get("Content-Encoding", "identity").lower()
        if encoding == "gzip":
            body = wire.unpacked(body)
        elif encoding != "identity":
            message = "A body comes as it is, or with Content-Encoding: gzip."
            raise Problem("unsupported-media-type", message, headers={"Accept-Encoding": "gzip"})
        if len(body) > senders.FEW_BYTES:
            senders.raise_if_too_much(parser_context["request"], len(body))
        return super().parse(io.BytesIO(body))


class SweepList(APIView):
    """
    One sweep of one host, whole or by its digest.

    Who shows a token brings what that may bring: the sweeps of one host, or of any. A sweep is
    recorded or refused as one; nothing of another host is ever touched.
    """

    is_for_fleets = True
    writes = [senders.BRING]
    writes_as = Scope.WRITE_SWEEPS
    throttle_classes = [senders.ByHost]
    parser_classes = [Compressed]
    schema = sweep_operations.OfSweeps()

    def get_authenticators(self):
        return [Bearer(senders.opened), Basic(), SessionAuthentication()]

    def handle_exception(self, exc):
        response = super().handle_exception(exc)
        if response.status_code in ORDINARY:
            response._has_been_logged = True  # noqa: SLF001  # what Django asks before it does
        return response

    @sweep_operations.bring
    def post(self, request: Request) -> Response:
        now = timezone.now()
        try:
            message = wire.message(said(request))
        except WireError as exc:
            refuse(senders.bound_to(request), now, f"What its agent sent can't be taken. {exc}")
            raise_invalid(exc)
        raise_unless_may_bring(request, message)
        senders.raise_unless_light(request, message)
        outcome = take(message, now)
        if not outcome.dropped:
            swept.send_robust(SweepList, outcome=outcome, pushed=True)
        return Response(told(outcome))


def raise_unless_may_bring(request: Request, message: wire.Message) -> None:
    """Raise for a host that is another's, and for too many that nobody has heard of before."""
    host_id, only = message.sweep.host_id, senders.bound_to(request)
    if only:
        if not request.auth.may_bring(host_id):
            detail = (
                f"This token brings the sweeps of {only} alone, not those of {host_id}: Add a host "
                "in the admin makes one for that."
            )
            raise Problem("not-your-host", detail)
    elif not message.digest:
        senders.raise_if_too_many_are_new(request, host_id)


def take(message: wire.Message, now: datetime) -> Outcome:
    """Record what was brought. Raises the problem with it."""
    host_id = message.sweep.host_id
    try:
        return intake.take(message, at=now, alive_every=settings.PORTATLAS_ALIVE_EVERY)
    except intake.ClockAheadError as exc:
        raise exceptions.ValidationError({"taken_at": [str(exc)]}, Rule.CLOCK) from exc
    except intake.LateError as exc:
        raise Problem("late-sweep", f"A newer sweep of {host_id} is recorded.") from exc
    except intake.UnknownDigestError as exc:
        raise Problem("unknown-digest", f"Send this sweep of {host_id} whole.") from exc
    except SweepRefusedError as exc:
        raise Problem("other-machine", str(exc)) from exc


def told(outcome: Outcome) -> dict[str, Any]:
    what = "recorded"
    if outcome.repeated:
        what = "repeated"
    elif outcome.unchanged:
        what = "unchanged"
    sweep = outcome.sweep
    return {
        "outcome": what,
        "verdict": sweep.verdict,
        "reason": sweep.reason,
        "digest": outcome.digest,
    }


def raise_invalid(exc: WireError) -> NoReturn:
    """Raise the problem that an error of what was sent is."""
    if isinstance(exc, TooLargeError):
        raise Problem("too-large", str(exc)) from exc
    detail: Any = [exceptions.ErrorDetail(exc.message, exc.rule)]
    for step in reversed(exc.path):
        detail = {str(step): detail}
    raise exceptions.ValidationError(detail) from exc
