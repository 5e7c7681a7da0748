"""The API's description and its interactive reference, both open to everybody. Not here: its examples (examples)."""

from __future__ import annotations

from typing import Any, ClassVar

from django.utils import translation
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerSplitView


class _Generator(SchemaGenerator):
    """Describes the API once per language and process: it is the same for everybody, and asked for without a key."""

    made: ClassVar[dict[str, Any]] = {}

    def get_schema(self, request: Any = None, public: bool = False) -> Any:
        language = translation.get_language() or ""
        if language not in self.made:
            self.made[language] = super().get_schema(request, public)  # type: ignore[no-untyped-call]
        return self.made[language]


schema = SpectacularAPIView.as_view(generator_class=_Generator)
docs = SpectacularSwaggerSplitView.as_view(url_name="schema")
