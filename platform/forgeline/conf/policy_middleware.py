"""Which content policy an answer carries. Not here: what the pages' says (content_policy)."""

from __future__ import annotations

from csp.constants import HEADER
from csp.middleware import CSPMiddleware
from django.http import HttpRequest
from django.http.response import HttpResponseBase

FOR_PROGRAMS = ("application/json", "application/problem+json")
NOTHING = "default-src 'none'; frame-ancestors 'none'"


class PolicyMiddleware(CSPMiddleware):
    """Pages get theirs; what programs read may load nothing at all, should a browser ever show it."""

    def process_response(self, request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
        if HEADER not in response and response.get("Content-Type", "").startswith(FOR_PROGRAMS):
            response[HEADER] = NOTHING
            return response
        answered: HttpResponseBase = super().process_response(request, response)
        return answered
