"""Nodes that a person ticked in the tree, made points of a machine and bound to it. Not here: the tree (pages)."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence
from typing import Any

from django.db import transaction
from django.utils.translation import gettext_lazy as _

from connectors import services
from connectors.models import Binding
from forgeline.assets import queries as plant, services as plant_services
from forgeline.assets.models.point import Kind
from forgeline.base.errors import InvalidInputError
from forgeline.base.units import guess_unit
from forgeline.identity.policy import Actor

MOST = 1000
"""Nodes picked at once."""


def bind_nodes(
    *, connection_id: int, asset_id: int, nodes: Sequence[Mapping[str, Any]], actor: Actor | None = None
) -> list[Binding]:
    """Make each node a point of the machine and bind it; a point of the same key is used again.

    ``nodes`` have ``address``, ``name`` and, where the source tells them, ``data_type`` and ``unit``.
    **Raises** InvalidInputError for none or too many; NotFoundError.
    """
    if not nodes or len(nodes) > MOST:
        raise InvalidInputError(
            _("Pick between 1 and %(most)d nodes at a time.") % {"most": MOST},
            key="connectors.too_many_nodes",
        )
    asset = plant.get_asset(asset_id)
    with transaction.atomic():
        present = {point.key: point for point in plant.list_points(asset_id=asset.pk)}
        bindings = []
        for node in nodes:
            name = str(node.get("name") or node["address"])[:120]
            key = make_key(name)
            point = present.get(key)
            if point is None:
                point = present[key] = plant_services.create_point(
                    asset_id=asset.pk,
                    key=key,
                    name=name,
                    kind=kind_of(str(node.get("data_type") or "")),
                    unit=guess_unit(str(node.get("unit") or "")),
                    actor=actor,
                )
            bindings.append(
                {
                    "address": node["address"],
                    "point_id": point.pk,
                    # A point without a unit takes the value as it comes.
                    "source_unit": guess_unit(str(node.get("unit") or "")) if point.unit else "",
                }
            )
        return services.create_bindings(connection_id=connection_id, bindings=bindings, actor=actor)


def make_key(name: str) -> str:
    """Return a point's key for a node's name: ``SpindleSpeed 1`` becomes ``spindle_speed_1``; other scripts stay."""
    plain = unicodedata.normalize("NFKC", name)
    plain = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", plain)
    return re.sub(r"[^\w]+", "_", plain).strip("_").lower()[:120] or "value"


def kind_of(data_type: str) -> int:
    """Return the kind of point that fits a node's data type."""
    if data_type == "Boolean":
        return int(Kind.BOOLEAN)
    if data_type in (
        "String",
        "LocalizedText",
        "ByteString",
        "DateTime",
        "UtcTime",
        "Guid",
        "NodeId",
        "XmlElement",
    ):
        return int(Kind.TEXT)
    return int(Kind.GAUGE)
