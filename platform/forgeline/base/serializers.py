"""The base of every serializer: DRF's own, with our times and days.

A name that no field bears is refused: with a slip in it a key would be made wider, or a change not made, and nobody
told. What a model says of a field is asked once for each class, not at each answer, a sixth of what a small one costs
(decision 0017): the fields of a class are the same for everybody.

Not here: what a serializer says itself.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any, ClassVar

from django.db import models
from django.utils.functional import cached_property
from django.utils.translation import gettext as _
from rest_framework import serializers
from rest_framework.fields import Field

from forgeline.base.errors import not_among
from forgeline.base.moments import DayField, MomentField

_made: dict[type, dict[str, tuple[Field[Any, Any, Any, Any], bool]]] = {}
"""By class: each field, and whether it holds others, which know the one above them."""


# No docstrings: the description of the API would show them for each that has none of its own.
class _Strict:
    def to_internal_value(self, data: Any) -> Any:
        known: Any = self.fields  # type: ignore[attr-defined]
        if isinstance(data, Mapping) and (unknown := set(data) - known.keys()):
            sentence = _("There is no such field here.")
            raise serializers.ValidationError(
                {str(name): [sentence] for name in sorted(unknown, key=str)[:20]}
            )
        return super().to_internal_value(data)  # type: ignore[misc]


class Serializer(_Strict, serializers.Serializer[Any]):
    pass


class ChoiceField(serializers.ChoiceField):
    # A choice that is none is told the choices.
    def to_internal_value(self, data: Any) -> Any:
        try:
            return super().to_internal_value(data)
        except serializers.ValidationError:
            raise serializers.ValidationError(not_among(data, list(self.choices)), "invalid_choice") from None


class ModelSerializer(_Strict, serializers.ModelSerializer[Any]):
    serializer_field_mapping: ClassVar[
        dict[type[models.Field[Any, Any]], type[Field[Any, Any, Any, Any]]]
    ] = {
        **serializers.ModelSerializer.serializer_field_mapping,
        models.DateTimeField: MomentField,
        models.DateField: DayField,
    }

    serializer_choice_field = ChoiceField

    def get_fields(self) -> dict[str, Field[Any, Any, Any, Any]]:
        made = _made.get(type(self))
        if made is None:
            made = _made[type(self)] = {
                name: (field, _holds_others(field)) for name, field in super().get_fields().items()
            }
        return {name: _copy(field, is_deep=is_deep) for name, (field, is_deep) in made.items()}

    @cached_property
    def _readable_fields(self) -> list[Field[Any, Any, Any, Any]]:
        # DRF goes through all of them again for each row of a list.
        return [field for field in self.fields.values() if not field.write_only]


def _holds_others(field: Field[Any, Any, Any, Any]) -> bool:
    return isinstance(field, serializers.BaseSerializer) or bool(
        {"child", "child_relation"} & vars(field).keys()
    )


def _copy(field: Field[Any, Any, Any, Any], *, is_deep: bool) -> Field[Any, Any, Any, Any]:
    """Return a field that may be bound to a serializer: its own name and parent, the rest shared."""
    return copy.deepcopy(field) if is_deep else copy.copy(field)
