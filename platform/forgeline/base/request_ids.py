"""The id by which a person and the log name one request. A proxy's ``X-Request-ID`` is kept."""

from __future__ import annotations

import re
import uuid

from django.http import HttpRequest

_ID = re.compile(r"[A-Za-z0-9_.:-]{1,64}")


def request_id_of(request: HttpRequest) -> str:
    """Return the id of a request, the same each time."""
    known: str | None = getattr(request, "_forgeline_id", None)
    if known is None:
        given = request.headers.get("X-Request-ID", "")
        known = given if _ID.fullmatch(given) else uuid.uuid4().hex
        request._forgeline_id = known  # type: ignore[attr-defined]
    return known
