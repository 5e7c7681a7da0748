"""Give every log line of a request its id, its tenant and its caller. Not here: what a line looks like (logs)."""

from __future__ import annotations

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse
from structlog.contextvars import bind_contextvars, clear_contextvars

from forgeline.base.request_ids import request_id_of


class RequestLogMiddleware:
    """Stands behind TenantMiddleware. A proxy's ``X-Request-ID`` is kept, and sent back for a person to name it."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        request_id = request_id_of(request)
        actor = getattr(request, "actor", None)
        bind_contextvars(request_id=request_id, path=request.path)
        if actor is not None:
            bind_contextvars(tenant_id=actor.tenant_id, user_id=actor.user_id, api_key_id=actor.api_key_id)
        try:
            response = self.get_response(request)
        finally:
            clear_contextvars()
        response["X-Request-ID"] = request_id
        return response
