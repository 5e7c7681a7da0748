"""What every operation of the API has in common, put into its description: headers, and the envelope of errors."""

from __future__ import annotations

from typing import Any

_PROBLEM = {
    "description": "Refused, in the one envelope (RFC 9457): `key` says what it is, `title` and `detail` what to do.",
    "content": {
        "application/problem+json": {
            "schema": {
                "type": "object",
                "required": ["type", "title", "status", "key", "detail"],
                "properties": {
                    "type": {"type": "string"},
                    "title": {"type": "string"},
                    "status": {"type": "integer"},
                    "key": {"type": "string"},
                    "detail": {"type": "string"},
                    "data": {"type": "object", "additionalProperties": True},
                },
            }
        }
    },
}
_ONCE = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": False,
    "description": "Anything of your own: sent again within 24 hours it is not done again.",
    "schema": {"type": "string", "minLength": 1, "maxLength": 200},
}
_VERSION = {
    "name": "If-Match",
    "in": "header",
    "required": False,
    "description": "The `ETag` that was read: the change passes only where nobody else made one.",
    "schema": {"type": "string"},
}


COMMON = {_ONCE["name"], _VERSION["name"], "default"}
"""Parameters and answers that no operation has of its own."""


def add_conventions(result: dict[str, Any], **_kwargs: Any) -> dict[str, Any]:
    """Add to every operation what none of them says by itself (a hook of drf-spectacular)."""
    for path, operations in result["paths"].items():
        has_version = path.endswith("{id}/") or _is_one_thing(operations)
        for method, operation in operations.items():
            operation["responses"].setdefault("default", _PROBLEM)
            if method == "post":
                operation.setdefault("parameters", []).append(_ONCE)
            elif method in ("patch", "put", "delete") and has_version:
                operation.setdefault("parameters", []).append(_VERSION)
    return result


def _is_one_thing(operations: dict[str, Any]) -> bool:
    """Say whether what is read is what a change answers with (base.resources.OneThing)."""
    answers = [
        operations[method]["responses"].get("200")
        for method in ("get", "put", "patch")
        if method in operations
    ]
    return "get" in operations and len(answers) > 1 and all(each == answers[0] for each in answers)
