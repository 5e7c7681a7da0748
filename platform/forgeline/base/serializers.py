"""The base of every serializer of a model: what the model says of a field is asked once, not at each answer.

Not here: what a serializer says itself.
"""

from __future__ import annotations

import copy
from typing import Any, ClassVar

from django.db import models
from django.utils.functional import cached_property
from rest_framework import serializers
from rest_framework.fields import Field

from forgeline.base.moments import DayField, MomentField

_made: dict[type, dict[str, tuple[Field[Any, Any, Any, Any], bool]]] = {}
"""By class: each field, and whether it holds others, which know the one above them."""


class ModelSerializer(serializers.ModelSerializer[Any]):
    """DRF's own, with our times and days, whose fields are copies of those made first.

    DRF asks the model anew for each serializer, a sixth of what a small answer costs (decision 0017). The fields of a
    class are the same for everybody: one that depended on who asks would have to be left out of the copies.
    """

    serializer_field_mapping: ClassVar[
        dict[type[models.Field[Any, Any]], type[Field[Any, Any, Any, Any]]]
    ] = {
        **serializers.ModelSerializer.serializer_field_mapping,
        models.DateTimeField: MomentField,
        models.DateField: DayField,
    }

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
