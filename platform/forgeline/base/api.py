"""The API's envelope: errors as RFC 9457 problems with a dotted key.

Not here: any resource, how a body is read (base/parsing), pages of lists (base/paging).
"""

from __future__ import annotations

import logging
import sys
from typing import Any

from django.core.exceptions import DisallowedHost, PermissionDenied
from django.db import DataError, InterfaceError, OperationalError, ProgrammingError, transaction
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.utils.translation import gettext, gettext_lazy as _
from django.views import defaults
from django.views.decorators.csrf import csrf_exempt
from psycopg.errors import InsufficientPrivilege
from rest_framework import exceptions, permissions
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import set_rollback

from forgeline.base.errors import ForbiddenError, ForgelineError

PROBLEM_JSON = "application/problem+json"
NUMBER = r"[0-9]{1,18}"
"""How an id stands in an address; what is none, or none that a column holds, is no address at all."""
_log = logging.getLogger(__name__)

TITLES: dict[str, Any] = {
    "base.not_found": _("There is nothing here that you may see."),
    "base.forbidden": _("You may not do this."),
    "base.invalid_input": _("What was sent cannot be used."),
    "base.unknown_host": _(
        "This server does not answer to the host name that it was called by. Whoever runs it names it in "
        "FORGELINE_ALLOWED_HOSTS."
    ),
    "base.parse_error": _("The body cannot be read as JSON."),
    "base.too_large": _("The body is too large."),
    "base.changed_meanwhile": _("This was changed since you read it; read it again."),
    "base.not_authenticated": _("Send an API key, or sign in."),
    "base.permission_denied": _("Your role does not allow this. Ask a manager of your company."),
    "base.forged": _("A browser's session needs the page's CSRF token; programs send an API key."),
    "base.method_not_allowed": _("This address does not take this method."),
    "base.unsupported_media_type": _("Send the body in a form that this address takes."),
    "base.throttled": _("Too many requests; try again later."),
    "identity.outside_branch": _("This lies outside the parts of the plant that you may change."),
    "identity.key_refused": _("This API key is unknown, expired or revoked."),
    "base.fault": _("Forgeline failed at this; its log says why."),
    "base.unavailable": _("The database does not answer at the moment; send it again in a few seconds."),
}
"""What a key says in the reader's language where no sentence came with the error."""
AWAY_S = 5


class ActorPermission(permissions.BasePermission):
    """Ask the actor of the request for the view's ``read_permission`` or ``write_permission``, by the method."""

    def has_permission(self, request: Request, view: Any) -> bool:
        actor = getattr(request._request, "actor", None)
        if actor is None:
            return False
        wanted = view.read_permission if request.method in permissions.SAFE_METHODS else view.write_permission
        if not actor.has_permission(wanted):
            is_key = actor.api_key_id is not None
            raise ForbiddenError.lacks(wanted, is_key=is_key, key="base.permission_denied")
        return True


def problem(
    *, status: int, key: str, title: str = "", detail: str = "", data: dict[str, Any] | None = None
) -> Response:
    """Return a response in the one error envelope (RFC 9457): type, title, status, detail, key, data."""
    body = _envelope(status=status, key=key, title=title, detail=detail, data=data)
    return Response(body, status=status, content_type=PROBLEM_JSON)


def describe_error(error: Exception) -> dict[str, Any] | None:
    """Return the envelope of an anticipated error; None for one that nobody anticipated."""
    if isinstance(error, ForgelineError):
        return _envelope(status=error.status, key=error.key, title=str(error), data=error.data)
    if isinstance(error, Http404):
        return _envelope(status=404, key="base.not_found")
    if isinstance(error, PermissionDenied):
        return _envelope(status=403, key="base.forbidden")
    if isinstance(error, exceptions.ValidationError):
        return _envelope(status=400, key="base.invalid_input", data={"fields": _plain(error.detail)})
    if isinstance(error, exceptions.PermissionDenied) and str(error.detail).startswith("CSRF"):
        return _envelope(status=403, key="base.forged", detail=str(error.detail))
    if isinstance(error, exceptions.APIException):
        # What DRF itself refuses; its code becomes our key.
        codes = error.get_codes()
        code = codes if isinstance(codes, str) else "error"
        key = code if "." in code else f"base.{code}"
        return _envelope(status=error.status_code, key=key, title=_title(key), detail=str(error.detail))
    if is_outside_branch(error):
        return _envelope(status=403, key="identity.outside_branch")
    if isinstance(error, DataError):
        # A number beyond its column: the database knows best what it can hold.
        _log.warning("The database refused a value: %s", type(error.__cause__).__name__)
        sentence = gettext("A value is beyond what can be stored.")
        return _envelope(status=400, key="base.invalid_input", detail=sentence)
    return None


def problem_handler(error: Exception, context: dict[str, Any]) -> Response | None:
    """Render every anticipated error as a problem; what is not anticipated stays a 500 that is logged."""
    body = describe_error(error)
    if body is None:
        return None
    if isinstance(error, exceptions.UnsupportedMediaType):
        taken = [parser.media_type for parser in getattr(context.get("view"), "parser_classes", ())]
        if taken:
            body["title"] = gettext("Send the body as %(types)s.") % {"types": ", ".join(taken)}
    response = Response(body, status=body["status"], content_type=PROBLEM_JSON)
    if auth_header := getattr(error, "auth_header", None):
        response["WWW-Authenticate"] = auth_header
    if wait_s := getattr(error, "wait", None):
        response["Retry-After"] = str(int(wait_s))
    set_rollback()
    if transaction.get_connection().in_atomic_block:
        # The request's own scope is a transaction; a refused request leaves nothing behind.
        transaction.set_rollback(True)
    return response


def is_outside_branch(error: Exception) -> bool:
    """Say whether the database refused a row because it lies outside what the caller may change (decision 0008)."""
    refused = isinstance(error, ProgrammingError) and isinstance(error.__cause__, InsufficientPrivilege)
    return refused and "row-level security" in str(error)


def _title(key: str) -> str:
    return str(TITLES.get(key, "")) or key


def _envelope(
    *, status: int, key: str, title: str = "", detail: str = "", data: dict[str, Any] | None = None
) -> dict[str, Any]:
    title = title or _title(key)
    body: dict[str, Any] = {
        "type": f"urn:forgeline:{key}",
        "title": title,
        "status": status,
        "key": key,
        "detail": detail or title,
    }
    if data:
        body["data"] = data
    return body


def _plain(detail: Any) -> Any:
    if isinstance(detail, dict):
        return {str(name): _plain(value) for name, value in detail.items()}
    if isinstance(detail, list):
        return [_plain(value) for value in detail]
    return str(detail)


def render_problem(*, status: int, key: str, title: str = "", detail: str = "") -> JsonResponse:
    """Return the one error envelope where no view is at work: middleware, addresses that nobody has."""
    body = _envelope(status=status, key=key, title=title, detail=detail)
    return JsonResponse(body, status=status, content_type=PROBLEM_JSON)


@csrf_exempt
def unknown_endpoint(request: HttpRequest) -> HttpResponse:
    """Answer an address beneath /api/ that nobody has, in the one envelope."""
    if request.path.endswith("/"):
        title = gettext("There is no such endpoint; /api/docs/ lists them.")
    else:
        title = gettext("There is no such endpoint; addresses of the API end with a slash.")
    return render_problem(status=404, key="base.not_found", title=title, detail=request.path)


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Answer what no view was asked, such as a host name that is not this server's: in the envelope beneath /api/."""
    key = "base.unknown_host" if isinstance(exception, DisallowedHost) else "base.invalid_input"
    if request.path.startswith("/api/"):
        return render_problem(status=400, key=key)
    # No page: its frame would ask for the host name as well.
    return HttpResponse(f"{_title(key)}\n", status=400, content_type="text/plain; charset=utf-8")


def server_error(request: HttpRequest) -> HttpResponse:
    """Answer what nobody anticipated: in the envelope beneath /api/, without a word of the fault itself.

    A database that is away, or has no connection left within its time, is a 503: whoever asked comes again.
    """
    is_away = isinstance(sys.exception(), OperationalError | InterfaceError)
    if not request.path.startswith("/api/"):
        answer = defaults.server_error(request)
        answer.status_code = 503 if is_away else 500
    elif is_away:
        answer = render_problem(status=503, key="base.unavailable")
    else:
        answer = render_problem(status=500, key="base.fault", detail=request.path)
    if is_away:
        answer["Retry-After"] = str(AWAY_S)
    return answer
