"""In which form an answer comes. By itself: Django REST framework asks for it while it is being imported."""

from __future__ import annotations

from typing import Any

from rest_framework.negotiation import DefaultContentNegotiation


class JsonOrFile(DefaultContentNegotiation):
    """Answers are JSON, or the one file that an address has: a program that asks for text/csv gets its CSV."""

    def select_renderer(self, request: Any, renderers: Any, format_suffix: str | None = None) -> Any:
        if len(renderers) > 1:
            return super().select_renderer(request, renderers, format_suffix)
        return renderers[0], renderers[0].media_type
