"""Examples in the API's description, filled in by the interactive reference: each runs once its ids are one's own.

Not here: the guide's examples (platform/docs/api.md), which tell a story from an empty Forgeline.
"""

from __future__ import annotations

from typing import Any

_PRESSURE_LOW = {
    "name": {"en": "Oil pressure low", "zh-hans": "油压低"},
    "priority": "high",
    "on_delay_s": 5,
    "condition": {"kind": "limit", "point": "oil_pressure", "level": "L", "limit": 4.2, "deadband": 0.2},
}
_RULE = {"asset": 3, "key": "oil_pressure_low", "definition": _PRESSURE_LOW}

BODIES: dict[str, Any] = {
    "POST /plants/": {"name": "Plant 1", "zone": "Asia/Shanghai", "names": {"zh-hans": "一厂"}},
    "POST /assets/": {"plant": 1, "level": "work_unit", "name": "Press 7", "names": {"zh-hans": "7 号压力机"}},
    "POST /points/": {
        "asset": 3, "key": "oil_pressure", "name": "Oil pressure", "unit": "bar", "kind": "gauge",
        "expected_interval_s": 10,
    },
    "POST /points/bulk/": {"rows": [{"asset": 3, "key": "oil_temperature", "unit": "Cel"}]},
    "POST /devices/": {"key": "gateway-3", "name": "Gateway 3", "asset": 3},
    "POST /samples/": {"point": [30, 30], "ts": [None, None], "value": [4.3, 4.5], "quality": [0, 0]},
    "POST /connections/test/": {"kind": "opcua", "options": {"endpoint": "opc.tcp://127.0.0.1:4840"}},
    "POST /connections/": {
        "kind": "mqtt", "name": "Hall 2", "enabled": False, "options": {"url": "mqtt://10.0.0.7:1883"},
    },
    "POST /alarm-rules/check/": _RULE,
    "POST /alarm-rules/": _RULE,
    "POST /alarm-trials/": {"asset": 3, "days": 7, "definition": _PRESSURE_LOW},
    "POST /alarms/acknowledge/": {"alarms": [42], "text": "seen"},
    "POST /alarms/shelve/": {"alarms": [42], "text": "sensor is being changed", "minutes": 30},
    "POST /webhooks/": {"name": "ERP", "url": "https://erp.example.com/forgeline", "events": ["alarms.*"]},
    "POST /api-keys/": {"name": "ERP", "role": "viewer"},
    "POST /work-orders/": {"asset": 3, "title": "Grinding noise at the main bearing", "priority": "high"},
    "POST /spare-parts/": {"plant": 1, "number": "S-4711", "name": "Seal 40 x 60 x 8"},
    "POST /maintenance-plans/": {"asset": 3, "name": "Grease the guides", "trigger": "hours", "every": 250},
    "POST /inspection-routes/": {
        "plant": 1, "name": "Morning round", "items": [{"asset": 3, "text": "Oil level within the marks?"}],
    },
    "PATCH /points/{id}/": {"name": "Oil pressure", "decimals": 1},
}  # fmt: skip
"""``METHOD path`` → a body."""

QUERIES: dict[str, dict[str, Any]] = {
    "GET /latest/": {"point": "30"},
    "GET /samples/": {"point": "30", "resolution": "1h", "columns": "mean,maximum"},
    "GET /alarms/": {"view": "open"},
    "GET /assets/": {"level": "work_unit"},
    "GET /points/": {"asset": "3"},
    "GET /alarm-rules-in-force/": {"asset": 3},
}
"""``METHOD path`` → parameters."""


def add_examples(result: dict[str, Any], generator: Any, request: Any, public: bool) -> dict[str, Any]:
    """Hook of drf-spectacular: put the examples where they belong."""
    prefix = "/api/v1"
    for name, body in BODIES.items():
        method, path = name.split()
        operation = result["paths"].get(prefix + path, {}).get(method.lower())
        if operation is not None:
            operation["requestBody"]["content"]["application/json"]["example"] = body
    for name, query in QUERIES.items():
        method, path = name.split()
        for parameter in result["paths"].get(prefix + path, {}).get(method.lower(), {}).get("parameters", []):
            if parameter["in"] == "query" and parameter["name"] in query:
                parameter["example"] = query[parameter["name"]]
    return result
