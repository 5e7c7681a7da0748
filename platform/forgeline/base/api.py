"""The API's envelope: errors as RFC 9457 problems with a dotted key, and pagination. Not here: any resource."""

from __future__ import annotations

from typing import Any

from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.views import defaults
from django.views.decorators.csrf import csrf_exempt
from rest_framework import exceptions, pagination, permissions
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import set_rollback

from forgeline.base.errors import ForgelineError

PROBLEM_JSON = "application/problem+json"


class ActorPermission(permissions.BasePermission):
    """Ask the actor of the request for the view's ``read_permission`` or ``write_permission``, by the method."""

    def has_permission(self, request: Request, view: Any) -> bool:
        actor = getattr(request._request, "actor", None)
        if actor is None:
            return False
        wanted = view.read_permission if request.method in permissions.SAFE_METHODS else view.write_permission
        return bool(actor.has_permission(wanted))


class CursorPagination(pagination.CursorPagination):
    """Pages that stay right while rows come and go."""

    page_size = 100
    page_size_query_param = "page_size"
    max_page_size = 1000
    ordering = "id"


def problem(
    *, status: int, key: str, title: str, detail: str = "", data: dict[str, Any] | None = None
) -> Response:
    """Return a response in the one error envelope (RFC 9457): type, title, status, detail, key, data."""
    body: dict[str, Any] = {
        "type": f"urn:forgeline:{key}",
        "title": title,
        "status": status,
        "key": key,
        "detail": detail or title,
    }
    if data:
        body["data"] = data
    return Response(body, status=status, content_type=PROBLEM_JSON)


def problem_handler(error: Exception, context: dict[str, Any]) -> Response | None:
    """Render every anticipated error as a problem; what is not anticipated stays a 500 that is logged."""
    response: Response | None = None
    if isinstance(error, ForgelineError):
        response = problem(status=error.status, key=error.key, title=str(error), data=error.data)
    elif isinstance(error, Http404):
        response = problem(status=404, key="base.not_found", title="There is nothing here that you may see.")
    elif isinstance(error, PermissionDenied):
        response = problem(status=403, key="base.forbidden", title="You may not do this.")
    elif isinstance(error, exceptions.ValidationError):
        response = problem(
            status=400,
            key="base.invalid_input",
            title="What was sent cannot be used.",
            data={
                "fields": error.get_full_details()
                if not isinstance(error.detail, dict)
                else _plain(error.detail)
            },
        )
    elif isinstance(error, exceptions.APIException):
        code = error.get_codes() if isinstance(error.get_codes(), str) else "error"
        response = problem(
            status=error.status_code,
            key=str(code) if "." in str(code) else f"base.{code}",
            title=str(error.detail),
        )
        if auth_header := getattr(error, "auth_header", None):
            response["WWW-Authenticate"] = auth_header
        if wait_s := getattr(error, "wait", None):
            response["Retry-After"] = str(int(wait_s))
    if response is not None:
        set_rollback()
        if transaction.get_connection().in_atomic_block:
            # The request's own scope is a transaction; a refused request leaves nothing behind.
            transaction.set_rollback(True)
    return response


def _plain(detail: Any) -> Any:
    if isinstance(detail, dict):
        return {name: _plain(value) for name, value in detail.items()}
    if isinstance(detail, list):
        return [_plain(value) for value in detail]
    return str(detail)


@csrf_exempt
def unknown_endpoint(request: HttpRequest) -> HttpResponse:
    """Answer an address beneath /api/ that nobody has, in the one envelope."""
    body = {
        "type": "urn:forgeline:base.not_found",
        "title": "There is no such endpoint; /api/docs/ lists them.",
        "status": 404,
        "key": "base.not_found",
        "detail": request.path,
    }
    return JsonResponse(body, status=404, content_type=PROBLEM_JSON)


def server_error(request: HttpRequest) -> HttpResponse:
    """Answer what nobody anticipated: in the envelope beneath /api/, without a word of the fault itself."""
    if not request.path.startswith("/api/"):
        return defaults.server_error(request)
    body = {
        "type": "urn:forgeline:base.fault",
        "title": "Forgeline failed at this; its log says why.",
        "status": 500,
        "key": "base.fault",
        "detail": request.path,
    }
    return JsonResponse(body, status=500, content_type=PROBLEM_JSON)
