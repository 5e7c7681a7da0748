"""What /latest/ and /samples/ take and answer, for the API's description: they go through no serializer (api)."""

from __future__ import annotations

from typing import Any

from forgeline.telemetry.engines.base import Resolution

Shape = dict[str, Any]


def _object(required: str, **properties: Shape) -> Shape:
    return {"type": "object", "properties": properties, "required": required.split()}


def _list(items: Shape) -> Shape:
    return {"type": "array", "items": items}


_WHOLE: Shape = {"type": "integer"}
_NUMBER: Shape = {"type": "number"}
_NUMBER_OR_NULL: Shape = {"type": ["number", "null"]}
_VALUE: Shape = {"type": ["number", "string", "boolean", "null"]}
_QUALITY: Shape = {"type": "integer", "enum": [0, 1, 2], "description": "0 good, 1 uncertain, 2 bad."}
_TIME: Shape = {"type": "number", "description": "Milliseconds since 1970, UTC."}
_TIME_OR_NULL: Shape = {
    "type": ["number", "null"],
    "description": "Milliseconds since 1970; null: on arrival.",
}

LATEST = _object(
    "at_ms results",
    at_ms=_WHOLE,
    results=_list(
        _object(
            "point_id ts_ms value quality flags status",
            point_id=_WHOLE, ts_ms=_TIME, value=_VALUE, quality=_QUALITY, flags=_WHOLE, status=_WHOLE,
        )
    ),
)  # fmt: skip

_ROLLED_UP = ("mean", "minimum", "maximum", "total", "first", "last", "covered_s", "increase")

SERIES = _object(
    "results",
    results=_list(
        _object(
            "point_id unit resolution from_ms to_ms coverage is_reduced is_truncated ts_ms",
            point_id=_WHOLE, unit={"type": "string"},
            resolution={"type": "string", "enum": [each.value for each in Resolution]},
            from_ms=_WHOLE, to_ms=_WHOLE, coverage=_NUMBER, is_reduced={"type": "boolean"},
            is_truncated={"type": "boolean"}, ts_ms=_list(_TIME), value=_list(_NUMBER_OR_NULL),
            text=_list({"type": ["string", "null"]}), quality=_list(_QUALITY), count=_list(_WHOLE),
            good_count=_list(_WHOLE), **{name: _list(_NUMBER_OR_NULL) for name in _ROLLED_UP},
        )
    ),
)  # fmt: skip

COLUMNS = tuple(
    name for name, shape in SERIES["properties"]["results"]["items"]["properties"].items()
    if shape["type"] == "array" and name != "ts_ms"
)  # fmt: skip
"""By name, what an answer may be narrowed to."""

_STATUS: Shape = {
    "type": "integer",
    "minimum": 0,
    "maximum": 0xFFFF_FFFF,
    "description": "The source's own code.",
}

SAMPLES: Shape = {
    "oneOf": [
        _object(
            "point ts value", point=_list(_WHOLE), ts=_list(_TIME_OR_NULL), value=_list(_VALUE),
            quality=_list(_QUALITY), status=_list(_STATUS),
        ),
        _object(
            "rows",
            rows=_list(
                _object(
                    "point ts value",
                    point=_WHOLE,
                    ts=_TIME_OR_NULL,
                    value=_VALUE,
                    quality=_QUALITY,
                    status=_STATUS,
                )
            ),
        ),
    ]
}  # fmt: skip

STORED = _object(
    "accepted replaced rejected reasons",
    accepted=_WHOLE, replaced=_WHOLE, rejected=_WHOLE,
    reasons=_list(_object("row reason", row=_WHOLE, reason={"type": "string"})),
)  # fmt: skip
