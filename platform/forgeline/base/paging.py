"""Pages of lists that stay right while rows come and go: a page begins behind a row, not at a number.

Not here: by what a list is narrowed and ordered (filters).
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any, NamedTuple

from django.core.exceptions import FieldDoesNotExist, ValidationError
from django.db import DataError
from django.db.models import Q, QuerySet
from django.utils.translation import gettext as _
from rest_framework import pagination
from rest_framework.request import Request
from rest_framework.utils.urls import replace_query_param

from forgeline.base.errors import InvalidInputError

MOST_DIGITS = 9
"""A page size of more is no number that anybody means."""


class Place(NamedTuple):
    """Where a page begins: behind the row with these values of the ordering; ``is_back``: and goes to the first."""

    values: list[Any]
    is_back: bool


class CursorPagination(pagination.CursorPagination):
    """Keyset paging over the whole ordering, the id last.

    DRF's own compares the first field alone and counts on from there, which loses rows where it is null and goes
    round in circles where a thousand rows share a value. Nulls stand where PostgreSQL puts them: behind the greatest.
    """

    page_size = 100
    page_size_query_param = "page_size"
    max_page_size = 1000
    ordering: Any = "id"

    def paginate_queryset(self, queryset: Any, request: Request, view: Any = None) -> list[Any]:
        self.request, self.base_url = request, request.build_absolute_uri()
        size = self.get_page_size(request)
        self.ordering = _with_id(self.get_ordering(request, queryset, view))
        place = self._read_place(request)
        is_back = place is not None and place.is_back
        ordering = _turned(self.ordering) if is_back else self.ordering
        rows = queryset.order_by(*ordering)
        if place is None:
            found = list(rows[: size + 1])
        else:
            try:
                found = list(rows.filter(_behind(queryset, ordering, place.values))[: size + 1])
            except (TypeError, ValueError, OverflowError, ValidationError, DataError):
                # What a field, the driver or the server can't make a value of: somebody wrote the cursor by hand.
                raise _unreadable() from None
        more, page = len(found) > size, found[:size]
        self.page = page[::-1] if is_back else page
        # Who comes back from a later page knows that there is one, and the other way round.
        self.has_next, self.has_previous = (place is not None, more) if is_back else (more, place is not None)
        return self.page

    def get_page_size(self, request: Request) -> int:
        word = request.query_params.get(self.page_size_query_param)
        if not word:
            return self.page_size
        # Python reads no number of thousands of digits.
        if not word.isdecimal() or len(word) > MOST_DIGITS or not int(word):
            sentence = _("A page has 1 to %(most)d rows.") % {"most": self.max_page_size}
            raise InvalidInputError.at(self.page_size_query_param, sentence)
        return min(int(word), self.max_page_size)

    def get_next_link(self) -> str | None:
        return self._link(self.page[-1], is_back=False) if self.has_next and self.page else None

    def get_previous_link(self) -> str | None:
        return self._link(self.page[0], is_back=True) if self.has_previous and self.page else None

    def get_paginated_response_schema(self, schema: dict[str, Any]) -> dict[str, Any]:
        described: dict[str, Any] = super().get_paginated_response_schema(schema)
        for name in ("next", "previous"):
            # DRF's word for it is OpenAPI 3.0's.
            described["properties"][name].pop("nullable", None)
            described["properties"][name]["type"] = ["string", "null"]
        return described

    def _link(self, row: Any, *, is_back: bool) -> str:
        values = [_plain(_value_of(row, field.lstrip("-"))) for field in self.ordering]
        body = json.dumps([int(is_back), *values], ensure_ascii=False, separators=(",", ":")).encode()
        word = base64.urlsafe_b64encode(body).decode().rstrip("=")
        return str(replace_query_param(self.base_url or "", self.cursor_query_param, word))

    def _read_place(self, request: Request) -> Place | None:
        word = request.query_params.get(self.cursor_query_param)
        if word is None:
            return None
        try:
            told = json.loads(base64.urlsafe_b64decode(word + "=" * (-len(word) % 4)))
            is_back, *values = told
        except (binascii.Error, ValueError, TypeError, RecursionError):
            raise _unreadable() from None
        plain = all(value is None or isinstance(value, str | int | float) for value in values)
        if not plain or is_back not in (0, 1) or len(values) != len(self.ordering):
            raise _unreadable()
        return Place(values, bool(is_back))


class NewestFirst(CursorPagination):
    """A log is read from its end."""

    ordering = "-id"


def _unreadable() -> InvalidInputError:
    sentence = _("This is no cursor of this list in this order; begin anew without one.")
    return InvalidInputError.at("cursor", sentence)


def _with_id(ordering: Sequence[str]) -> tuple[str, ...]:
    if ordering[-1].lstrip("-") in ("id", "pk"):
        return tuple(ordering)
    return (*ordering, "-id" if ordering[-1].startswith("-") else "id")


def _turned(ordering: Sequence[str]) -> tuple[str, ...]:
    return tuple(field[1:] if field.startswith("-") else f"-{field}" for field in ordering)


def _behind(rows: QuerySet[Any], ordering: Sequence[str], values: Sequence[Any]) -> Q:
    """Return what holds for the rows behind one: equal in the first fields, behind it in the next."""
    behind, equal = Q(pk__in=()), Q()
    for field, value in zip(ordering, values, strict=True):
        name, falls = field.lstrip("-"), field.startswith("-")
        if value is not None:
            here = Q(**{f"{name}__{'lt' if falls else 'gt'}": value})
            behind |= equal & (
                here | Q(**{f"{name}__isnull": True}) if _may_be_null(rows, name) and not falls else here
            )
        elif falls:
            behind |= equal & Q(**{f"{name}__isnull": False})
        equal &= Q(**{f"{name}__isnull": True}) if value is None else Q(**{name: value})
    first, falls = ordering[0].lstrip("-"), ordering[0].startswith("-")
    if values[0] is not None and (falls or not _may_be_null(rows, first)):
        # Follows from the rest; an index on the first field finds its place by it.
        behind &= Q(**{f"{first}__{'lte' if falls else 'gte'}": values[0]})
    return behind


def _may_be_null(rows: QuerySet[Any], name: str) -> bool:
    try:
        return bool(getattr(rows.model._meta.get_field(name), "null", True))
    except FieldDoesNotExist:
        return True


def _value_of(row: Any, name: str) -> Any:
    return row[name] if isinstance(row, dict) else getattr(row, name)


def _plain(value: Any) -> Any:
    if isinstance(value, datetime | date):
        return value.isoformat()
    return str(value) if isinstance(value, Decimal) else value
