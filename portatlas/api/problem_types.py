"""The problems that the API tells of, each with a stable address at which a text explains it."""

from dataclasses import dataclass

from django.contrib.auth.decorators import login_not_required
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import reverse
from django.views.decorators.http import require_safe


@dataclass(frozen=True, slots=True)
class Kind:
    """One sort of problem: its status of HTTP, what it is called, and what to do about it."""

    name: str
    status: int
    title: str
    meaning: str

    @property
    def address(self) -> str:
        return reverse("problem", args=[self.name])


KINDS = (
    Kind(
        "invalid",
        400,
        "The request says what cannot be",
        "`errors` names each part that is wrong: `pointer` is a JSON pointer into the body, "
        "`parameter` a parameter of the address, and `code` the rule, where the description of "
        "the API can't say it. Nothing was written.",
    ),
    Kind(
        "malformed",
        400,
        "The request cannot be read",
        "The body is no JSON object in UTF-8, or the request breaks a rule of HTTP. "
        "Nothing was written.",
    ),
    Kind(
        "unauthenticated",
        401,
        "Who asks is not known",
        "Show a token (`Authorization: Bearer …`), a user name with its password, or a session. "
        "A token that is expired or revoked opens nothing.",
    ),
    Kind(
        "forbidden",
        403,
        "This is not permitted",
        "Either the user lacks a permission, or the token lacks a scope, or a browser's session "
        "wrote without its CSRF token. An administrator gives permissions, and makes tokens.",
    ),
    Kind(
        "not-your-host",
        403,
        "The token is of another host",
        "It brings the sweeps of that host alone. Nothing was written. Make a token for this host.",
    ),
    Kind(
        "other-machine",
        403,
        "The name is that of another machine",
        "Under this name another machine is known, so that the sweep was not recorded; the host "
        "shows why. Give one of the two another name.",
    ),
    Kind(
        "not-found",
        404,
        "There is nothing here",
        "The address is none of the API, or what it names does not exist (any more).",
    ),
    Kind(
        "method-not-allowed",
        405,
        "The method is not for this address",
        "The header `Allow` tells which methods are.",
    ),
    Kind(
        "not-acceptable",
        406,
        "The answer has no such form",
        "The header `Accept` asks for a media type in which this is not to be had: ask for "
        "`application/json`.",
    ),
    Kind(
        "conflict",
        409,
        "Something is in the way",
        "What was to be made is there already, or others keep writing it. Read it and decide.",
    ),
    Kind(
        "taken",
        409,
        "The port is reserved",
        "`taken_by` tells by which project and by whom, and until when. Nothing was written. Ask "
        "for another one, or change the reservation that there is.",
    ),
    Kind(
        "held",
        409,
        "The port is in use",
        "A program has it. Nothing was written. If it is to be reserved nevertheless, as for that "
        "very program, say `even_if_held`.",
    ),
    Kind(
        "not-allowed",
        409,
        "The port is not for this project",
        "A rule of allocation gives it to others, or the project has ports of its own elsewhere. "
        "Nothing was written. An administrator makes the rules.",
    ),
    Kind(
        "none-free",
        409,
        "There are not as many free ports",
        "Nothing was reserved, for it is all or none. Ask for fewer, or in another range.",
    ),
    Kind(
        "late-sweep",
        409,
        "The sweep is late",
        "A newer one of its host is recorded. Nothing was written, and there is no use in sending "
        "it again.",
    ),
    Kind(
        "length-required",
        411,
        "The length of the body is not said",
        "Send the body with `Content-Length`, not in chunks.",
    ),
    Kind(
        "changed",
        412,
        "It is not what you have read",
        "`If-Match` or `If-None-Match` does not hold: somebody else wrote meanwhile. Nothing was "
        "written. The header `ETag`, where there is one, tells what is there now: read it again.",
    ),
    Kind(
        "unknown-digest",
        412,
        "The digest does not stand for what is recorded",
        "Nothing was written. Send the same sweep again, whole.",
    ),
    Kind(
        "too-large",
        413,
        "The request is too large",
        "A body, and the number of notes in it, have limits. Send it in parts. A sweep can't be: "
        "its limits are far above what a machine listens on.",
    ),
    Kind(
        "unsupported-media-type",
        415,
        "The body has another form",
        "Send JSON, with `Content-Type: application/json`.",
    ),
    Kind(
        "misdirected",
        421,
        "This name is none of the hub's",
        "The name in the address is not in `PORTATLAS_ALLOWED_HOSTS`. Nothing was written. Ask by "
        "a name that is, or have it added there.",
    ),
    Kind(
        "refused",
        422,
        "Some of it was refused, so none of it was written",
        "`items` has an outcome for each item that was sent, in the same order; those with "
        "`problem` were refused. Correct them and send all of them again.",
    ),
    Kind(
        "throttled",
        429,
        "Too many requests",
        "Wait as long as the header `Retry-After` says, in seconds. So does whoever is locked out: "
        "a user name was tried too often with a wrong password from this address.",
    ),
    Kind(
        "error",
        500,
        "Something broke",
        "It is the fault of Port Atlas. What happened is in its log.",
    ),
    Kind(
        "busy",
        503,
        "The database does not answer",
        "It is busy or away. Nothing was written: try again in a few seconds.",
    ),
)
BY_NAME = {kind.name: kind for kind in KINDS}
BY_STATUS = {kind.status: kind for kind in reversed(KINDS)} | {400: BY_NAME["malformed"]}


def of_status(status: int) -> Kind:
    """Return the problem that a status of HTTP means by itself."""
    return BY_STATUS.get(status) or BY_STATUS[400 if status < 500 else 500]


@login_not_required
@require_safe
def explained(request: HttpRequest, name: str) -> HttpResponse:
    """Explain a problem at its own address. What is told is the same for everybody."""
    kind = BY_NAME.get(name)
    if kind is None:
        raise Http404("There is no problem of this name.")
    text = f"{kind.title} ({kind.status})\n\n{kind.meaning}\n"
    return HttpResponse(text, content_type="text/plain; charset=utf-8")
