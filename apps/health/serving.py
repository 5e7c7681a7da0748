"""A stored file as an answer that no browser runs: its true type, no sniffing, no scripts, never cached by others."""

from __future__ import annotations

from urllib.parse import quote

from django.http import HttpResponse
from django.utils.translation import gettext as _

from apps.health import storing
from apps.health.models import StoredFile
from forgeline.base.errors import NotFoundError

_SHOWN = (*storing.PHOTOS, "application/pdf")
"""What opens in the browser; the rest is saved."""


def file_answer(row: StoredFile) -> HttpResponse:
    """Return the bytes of a file. **Raises** NotFoundError where they are gone."""
    try:
        content = storing.path_of(row.sha256).read_bytes()
    except OSError as error:
        raise NotFoundError(_("The bytes of this file are gone; restore them from a backup.")) from error
    response = HttpResponse(content, content_type=row.content_type)
    way = "inline" if row.content_type in _SHOWN else "attachment"
    response["Content-Disposition"] = f"{way}; filename*=UTF-8''{quote(row.name)}"
    response["X-Content-Type-Options"] = "nosniff"
    response["Content-Security-Policy"] = "default-src 'none'; sandbox"
    response["Cache-Control"] = "private, max-age=300"
    return response
