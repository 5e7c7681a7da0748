"""How the lists of the API are narrowed, searched and ordered. Not here: by what (each list's own)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.db.models import QuerySet, Value
from django.db.models.functions import Upper
from django.utils.translation import gettext as _
from django_filters import rest_framework  # type: ignore[import-untyped]  # ships no types
from rest_framework import filters
from rest_framework.request import Request

from forgeline.base.errors import InvalidInputError


class FilterSet(rest_framework.FilterSet):
    """What a list may be narrowed by. What is not asked for gets no form field: it would narrow nothing."""

    def __init__(self, data: Any = None, *args: Any, **kwargs: Any) -> None:
        asked = tuple(data or ())
        whole: dict[str, Any] = getattr(type(self), "base_filters")  # noqa: B009  # a name that its metaclass gives it
        self.base_filters = {
            name: each
            for name, each in whole.items()
            if any(word == name or word.startswith(f"{name}_") for word in asked)
        }
        super().__init__(data, *args, **kwargs)


class Numbers(rest_framework.BaseInFilter, rest_framework.NumberFilter):
    """``?asset=1,2,3``"""


class Words(rest_framework.BaseInFilter, rest_framework.CharFilter):
    """``?key=power,energy``"""


class Search(filters.SearchFilter):
    """``?search=press`` over the view's ``search_fields``; a view without any has no such parameter.

    A view whose rows keep their words in capitals names that column in ``search_column``.
    """

    def filter_queryset(self, request: Request, queryset: QuerySet[Any], view: Any) -> QuerySet[Any]:
        column = getattr(view, "search_column", None)
        if column is None:
            return super().filter_queryset(request, queryset, view)
        for term in self.get_search_terms(request):
            queryset = queryset.filter(**{f"{column}__contains": Upper(Value(term))})
        return queryset

    def get_schema_operation_parameters(self, view: Any) -> list[Any]:
        return super().get_schema_operation_parameters(view) if getattr(view, "search_fields", None) else []


class Ordering(filters.OrderingFilter):
    """``?ordering=-created_at,name`` over the view's ``ordering_fields``; the id decides between equals."""

    def get_ordering(self, request: Request, queryset: QuerySet[Any], view: Any) -> Sequence[str] | None:
        asked = request.query_params.get(self.ordering_param, "")
        words = [word.strip() for word in asked.split(",") if word.strip()]
        if not words:
            return None
        known = getattr(view, "ordering_fields", None) or ()
        unknown = [word for word in words if word.removeprefix("-") not in known]
        if unknown:
            sentence = _("Lists are ordered here by: %(known)s.") % {"known": ", ".join(known) or "id"}
            raise InvalidInputError(sentence, data={"fields": {self.ordering_param: [sentence]}})
        return [*words, "-id" if words[-1].startswith("-") else "id"]

    def filter_queryset(self, request: Request, queryset: QuerySet[Any], view: Any) -> QuerySet[Any]:
        ordering = self.get_ordering(request, queryset, view)
        return queryset.order_by(*ordering) if ordering else queryset

    def get_schema_operation_parameters(self, view: Any) -> list[Any]:
        known = getattr(view, "ordering_fields", None)
        if not known:
            return []
        words = [f"{sign}{word}" for word in known for sign in ("", "-")]
        array = {"type": "array", "items": {"type": "string", "enum": words}}
        return [
            {
                "name": self.ordering_param,
                "in": "query",
                "required": False,
                "description": "Fields to order by; `-` turns one round.",
                "schema": array,
                "explode": False,
                "style": "form",
            }
        ]
