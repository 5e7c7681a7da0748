"""How the lists of the API are narrowed, searched and ordered. Not here: by what (each list's own)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from django import forms
from django.db.models import Q, QuerySet, Value
from django.db.models.functions import Upper
from django.utils.translation import gettext as _
from django_filters import fields, rest_framework  # type: ignore[import-untyped]  # ships no types
from rest_framework import filters
from rest_framework.request import Request

from forgeline.base.errors import InvalidInputError, not_among

_MOST_FORMS = 500
"""Of ten filters a thousand choices can be made; programs make a few."""


class FilterSet(rest_framework.FilterSet):
    """What a list may be narrowed by. What is not asked for gets no form field: it would narrow nothing.

    The form that reads what is asked for is put together once for each choice of filters, not at each request.
    """

    _forms: ClassVar[dict[tuple[type, tuple[str, ...]], type[forms.Form]]] = {}

    def __init__(self, data: Any = None, *args: Any, **kwargs: Any) -> None:
        asked = tuple(data or ())
        whole: dict[str, Any] = getattr(type(self), "base_filters")  # noqa: B009  # a name that its metaclass gives it
        data = _said_once(data, whole)
        self.base_filters = {name: each for name, each in whole.items() if name in asked}
        super().__init__(data, *args, **kwargs)

    def get_form_class(self) -> type[forms.Form]:
        chosen = type(self), tuple(self.base_filters)
        found = self._forms.get(chosen)
        if found is None:
            if len(self._forms) >= _MOST_FORMS:
                self._forms.clear()
            found = self._forms[chosen] = super().get_form_class()
        return found


def _said_once(data: Any, filters: Mapping[str, Any]) -> Any:
    """``?asset=1&asset=2`` means ``?asset=1,2`` where many may be named, and is refused where one is meant."""
    twice = [name for name in data or () if name in filters and len(data.getlist(name)) > 1]
    if not twice:
        return data
    _refuse_twice([name for name in twice if not isinstance(filters[name], rest_framework.BaseInFilter)])
    data = data.copy()
    for name in twice:
        data[name] = ",".join(data.getlist(name))
    return data


def _refuse_twice(names: Sequence[str]) -> None:
    if names:
        raise InvalidInputError.at(names, _("This is said twice; say it once."))


class Numbers(rest_framework.BaseInFilter, rest_framework.NumberFilter):
    """``?asset=1,2,3``"""


class _YesNoField(forms.Field):
    """``true`` or ``false``. django-filter takes any other word for nothing asked, and answers with every row."""

    def to_python(self, value: Any) -> bool | None:
        found = {"": None, "true": True, "1": True, "false": False, "0": False}
        word = str(value or "").strip().lower()
        if word not in found:
            raise forms.ValidationError(_("Write true or false."))
        return found[word]


class YesNo(rest_framework.BooleanFilter):
    """``?is_open=true``"""

    field_class = _YesNoField

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        # Its own brings words of its own, and reads all others as none.
        self.extra.pop("widget", None)


class _ChoiceField(fields.ChoiceField):
    def validate(self, value: Any) -> None:
        known = [key for key, _title in self.choices if key]
        if value and value not in known:
            raise forms.ValidationError(not_among(value, known), "invalid_choice")


class Choice(rest_framework.ChoiceFilter):
    """``?view=shelved``: one word of those that there are."""

    field_class = _ChoiceField


class Choices(rest_framework.BaseInFilter, rest_framework.ChoiceFilter):
    """``?state=open,done`` of words that there are; any other is refused with those."""

    field_class = _ChoiceField

    def __init__(self, choices: Any, field_name: str | None = None, **kwargs: Any) -> None:
        super().__init__(field_name=field_name, lookup_expr="in", choices=choices, **kwargs)


class Words(rest_framework.BaseInFilter, rest_framework.CharFilter):
    """``?key=power,energy``"""


class Narrowing(rest_framework.DjangoFilterBackend):
    """``?plant=3`` over the view's ``filterset_class``; what the list does not know is refused.

    A filter with a slip in its name would be answered with every row, and who reads them takes them for what was
    asked for.
    """

    def filter_queryset(self, request: Request, queryset: QuerySet[Any], view: Any) -> QuerySet[Any]:
        if _is_paged(view) and getattr(view, "action", "list") == "list":
            self._refuse_unknown(request, self.get_filterset_class(view, queryset), view)
        found: QuerySet[Any] = super().filter_queryset(request, queryset, view)
        return found

    def _refuse_unknown(self, request: Request, filterset: type[FilterSet] | None, view: Any) -> None:
        narrowing = tuple(vars(filterset)["base_filters"]) if filterset is not None else ()
        asked = request.query_params
        common = (
            view.paginator.cursor_query_param, view.paginator.page_size_query_param, Search.search_param,
            Ordering.ordering_param,
        )  # fmt: skip
        _refuse_twice([name for name in common if len(asked.getlist(name)) > 1])
        known = {*narrowing, *common}
        if unknown := sorted(set(asked) - known):
            sentence = _("This list is narrowed by: %(known)s.") % {
                "known": ", ".join((*narrowing, Search.search_param))
            }
            raise InvalidInputError.at(unknown, sentence)


class Search(filters.SearchFilter):
    """``?search=press`` over the view's ``search_fields``.

    A view whose rows keep their words in capitals names that column in ``search_column``; one that finds a word in
    several tables gives its condition by ``search_by(word)``.
    """

    def filter_queryset(self, request: Request, queryset: QuerySet[Any], view: Any) -> QuerySet[Any]:
        column, condition = getattr(view, "search_column", None), getattr(view, "search_by", None)
        if column is None and condition is None:
            return super().filter_queryset(request, queryset, view)
        for term in self.get_search_terms(request):
            wanted = condition(term) if condition else Q(**{f"{column}__contains": Upper(Value(term))})
            queryset = queryset.filter(wanted)
        return queryset

    def get_schema_operation_parameters(self, view: Any) -> list[Any]:
        # What is answered whole, without pages, is not searched.
        return super().get_schema_operation_parameters(view) if _is_paged(view) else []


class Ordering(filters.OrderingFilter):
    """``?ordering=-created_at,name`` over the view's ``ordering_fields``; the id decides between equals."""

    def get_ordering(self, request: Request, queryset: QuerySet[Any], view: Any) -> Sequence[str] | None:
        asked = request.query_params.get(self.ordering_param, "")
        words = [word.strip() for word in asked.split(",") if word.strip()]
        if not words:
            return None
        known = view.ordering_fields
        unknown = [word for word in words if word.removeprefix("-") not in known]
        if unknown:
            sentence = _("Lists are ordered here by: %(known)s.") % {"known": ", ".join(known)}
            raise InvalidInputError.at(self.ordering_param, sentence)
        return [*words, "-id" if words[-1].startswith("-") else "id"]

    def filter_queryset(self, request: Request, queryset: QuerySet[Any], view: Any) -> QuerySet[Any]:
        ordering = self.get_ordering(request, queryset, view)
        return queryset.order_by(*ordering) if ordering else queryset

    def get_schema_operation_parameters(self, view: Any) -> list[Any]:
        if not _is_paged(view):
            return []
        words = [f"{sign}{word}" for word in view.ordering_fields for sign in ("", "-")]
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


def _is_paged(view: Any) -> bool:
    return view.pagination_class is not None
