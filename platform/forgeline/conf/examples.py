"""Examples in the API's description, filled in by the interactive reference: each runs once its ids are one's own.

Not here: the guide's examples (platform/docs/api.md), which tell a story from an empty Forgeline.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from forgeline.base import clock

_PRESSURE_LOW = {
    "name": {"en": "Oil pressure low", "zh-hans": "油压低"},
    "priority": "high",
    "on_delay_s": 5,
    "condition": {"kind": "limit", "point": "oil_pressure", "level": "L", "limit": 4.2, "deadband": 0.2},
}
_RULE = {"asset": 3, "key": "oil_pressure_low", "definition": _PRESSURE_LOW}

_SHIFT = {
    "name": "Late",
    "names": {"zh-hans": "中班"},
    "starts_at": "14:00",
    "ends_at": "22:00",
    "weekdays": [1, 2, 3, 4, 5],
}
_ANSWER = {"alarms": [42], "text": "seen"}
_CHANGE = {"plan": "professional", "period": "year", "at_once": True}

_OF_PLANTS: dict[str, Any] = {
    "POST /plants/": {"name": "Plant 1", "zone": "Asia/Shanghai", "names": {"zh-hans": "一厂"}},
    "POST /plants/bulk/": {"rows": [{"name": "Plant 2", "zone": "Europe/Berlin"}]},
    "PATCH /plants/{id}/": {"names": {"zh-hans": "一厂", "en": "Plant 1"}},
    "POST /plants/{plant_id}/holidays/": {"year": 2026},
    "POST /plants/{plant_id}/shifts/": _SHIFT,
    "PUT /plants/{plant_id}/shifts/{shift_id}/": _SHIFT,
    "PUT /plants/{plant_id}/special-days/": {"on": "2026-10-10", "is_working": True, "name": "Made up for"},
    "POST /assets/": {"plant": 1, "level": "work_unit", "name": "Press 7", "names": {"zh-hans": "7 号压力机"}},
    "POST /assets/bulk/": {"rows": [{"plant": 1, "level": "area", "name": "Hall 3"}]},
    "PATCH /assets/{id}/": {"names": {"zh-hans": "7 号压力机"}},
    "POST /devices/": {"key": "gateway-3", "name": "Gateway 3", "asset": 3},
    "POST /devices/bulk/": {"rows": [{"key": "meter-8", "name": "Meter 8", "asset": 3}]},
    "PATCH /devices/{id}/": {"name": "Gateway of hall 3"},
    "POST /points/": {
        "asset": 3, "key": "oil_pressure", "name": "Oil pressure", "unit": "bar", "kind": "gauge",
        "expected_interval_s": 10,
    },
    "POST /points/bulk/": {"rows": [{"asset": 3, "key": "oil_temperature", "unit": "Cel"}]},
    "PATCH /points/{id}/": {"name": "Oil pressure", "decimals": 1},
    "POST /samples/": {"point": [30, 30], "ts": [None, None], "value": [4.3, 4.5], "quality": [0, 0]},
    "PUT /retention/": {"raw_days": 14},
    "POST /connections/test/": {"kind": "opcua", "options": {"endpoint": "opc.tcp://127.0.0.1:4840"}},
    "POST /connections/": {
        "kind": "mqtt", "name": "Hall 2", "enabled": False, "options": {"url": "mqtt://10.0.0.7:1883"},
    },
    "PATCH /connections/{id}/": {"name": "Hall 2, north"},
    "POST /connections/{id}/bindings/": [{"address": "hall2/press7|oil_pressure", "point": 30, "scale": 0.1}],
    "POST /waiting-devices/{id}/adopt/": {"asset": 3},
}  # fmt: skip

_OF_ALARMS: dict[str, Any] = {
    "POST /alarm-rules/check/": _RULE,
    "POST /alarm-rules/": _RULE,
    "POST /alarm-rules/move_limit/": {"asset": 3, "key": "power_high", "limit": 70, "note": "new tool"},
    "POST /alarm-rules/{id}/roll_back/": {"number": 1},
    "POST /alarm-trials/": {"asset": 3, "days": 7, "definition": _PRESSURE_LOW},
    "POST /alarms/acknowledge/": _ANSWER,
    "POST /alarms/shelve/": {"alarms": [42], "text": "sensor is being changed", "minutes": 30},
    "POST /alarms/unshelve/": {"alarms": [42]},
    "POST /alarms/put_out_of_service/": {"alarms": [42], "text": "the machine is taken apart"},
    "POST /alarms/return_to_service/": {"alarms": [42]},
    "POST /alarms/comment/": {"alarms": [42], "text": "the filter is full again"},
    "POST /alarms/assign/": {"alarms": [42], "user": 5},
    "POST /channels/": {"name": "Hall mailbox", "kind": "email", "address": "hall@example.com"},
    "PATCH /channels/{id}/": {"most_in_10_min": 20},
    "POST /rosters/": {
        "name": "Nights", "zone": "Asia/Shanghai",
        "entries": [{"user": 5, "weekdays": [1, 2, 3], "starts_at": "22:00", "ends_at": "06:00"}],
    },
    "PATCH /rosters/{id}/": {"turn_days": 14},
    "POST /routes/": {
        "name": "Hall 2", "min_priority": "high",
        "steps": [{"after_minutes": 0, "roster": 1}, {"after_minutes": 15, "user": 5}],
    },
    "PATCH /routes/{id}/": {"min_priority": "critical"},
    "POST /bell/read/": {},
    "PUT /preferences/": {"by_email": True, "quiet_from": "22:00", "quiet_to": "06:00", "digest_minutes": 60},
}  # fmt: skip

_OF_MAINTENANCE: dict[str, Any] = {
    "POST /work-orders/": {"asset": 3, "title": "Grinding noise at the main bearing", "priority": "high"},
    "PATCH /work-orders/{id}/": {"remedy": "Bearing greased", "planned_at": "2026-12-01T08:00:00+08:00"},
    "POST /work-orders/{id}/move/": {"to": "in_progress"},
    "POST /work-orders/{id}/answer/": {"item": 7, "result": "ok", "note": "no play"},
    "POST /work-orders/{id}/labour/": {"minutes": 45},
    "POST /work-orders/{id}/parts/": {"part": 4, "quantity": "2"},
    "POST /work-orders/{id}/put_back/": {"use": 9},
    "POST /advisories/{id}/finding/": {"finding": "confirmed", "note": "outer race worn"},
    "POST /spare-parts/": {"plant": 1, "number": "S-4711", "name": "Seal 40 x 60 x 8"},
    "PATCH /spare-parts/{id}/": {"place": "A-1", "minimum": "2"},
    "POST /spare-parts/{id}/book/": {"kind": "receipt", "quantity": "10", "note": "order 4500123"},
    "POST /maintenance-plans/": {"asset": 3, "name": "Grease the guides", "trigger": "hours", "every": 250},
    "PATCH /maintenance-plans/{id}/": {"lead_days": 5},
    "POST /maintenance-plans/adopt/": {"asset": 3},
    "POST /inspection-routes/": {
        "plant": 1, "name": "Morning round", "items": [{"asset": 3, "text": "Oil level within the marks?"}],
    },
    "PATCH /inspection-routes/{id}/": {"every_hours": 8},
    "POST /inspections/{id}/answer/": {"item": 7, "result": "ok"},
    "POST /inspections/{id}/finish/": {"is_broken_off": True},
    "PATCH /machine-records/{id}/": {"manufacturer": "Yangli", "serial_number": "2019-0415", "severity": 6},
    "POST /machine-records/{id}/label/": {"is_new": False},
    "POST /machine-documents/": {"asset": 3, "name": "lubrication.txt", "content": "R3JlYXNlIHdlZWtseS4="},
    "POST /downtime-reasons/": {"name": "Tool change", "names": {"zh-hans": "换模"}, "is_planned": True},
    "PATCH /downtime-reasons/{id}/": {"is_planned": False},
    "PATCH /maintenance-terms/": {"labour_rate": "90.00"},
    "POST /maintenance-csv/": {"what": "parts", "csv": "plant,number,name\nPlant 1,S-4712,Belt\n"},
    "PUT /modules/": {"module": "health", "is_on": True},
}  # fmt: skip

_OF_THE_COMPANY: dict[str, Any] = {
    "POST /api-keys/": {"name": "ERP", "role": "viewer"},
    "POST /api-keys/{id}/rotate/": {"overlap_hours": 24},
    "POST /invitations/": {"email": "li@example.com", "role": "operator"},
    "PATCH /members/{id}/": {"role": "operator", "branches": []},
    "POST /roles/": {"name": "Line manager", "copy_of": "operator"},
    "PATCH /roles/{id}/": {"permissions": ["assets.view", "alarms.view", "alarms.acknowledge"]},
    "POST /partner-grants/": {
        "partner": "machines", "role": "maintenance", "reason": "service contract",
        "expires_at": f"{clock.now() + timedelta(days=300):%Y-%m-%d}T00:00:00+08:00",
    },
    "POST /partner-belongings/": {"thing": "webhooks:7"},
    "PUT /sso/": {
        "discovery_url": "https://id.example.com/.well-known/openid-configuration", "client_id": "forgeline",
        "secret": "as the provider gave it", "domains": ["example.com"],
    },
    "POST /sso/check/": {"discovery_url": "https://id.example.com/.well-known/openid-configuration"},
    "POST /webhooks/": {"name": "ERP", "url": "https://erp.example.com/forgeline", "events": ["alarms.*"]},
    "PATCH /webhooks/{id}/": {"events": ["alarms.*", "health.*"]},
    "POST /webhooks/{id}/replay/": {"since": "2026-11-27T00:00:00Z", "until": "2026-11-28T00:00:00Z"},
    "PATCH /subscription/": {"title": "Suzhou Precision Co., Ltd.", "tax_number": "91320500MA1ABCDE2X"},
    "POST /subscription/quote/": _CHANGE,
    "POST /subscription/change/": _CHANGE,
    "POST /uploads/": {"name": "devices.csv"},
    "POST /imports/{kind}/": {"upload": 12, "dry_run": True},
    "POST /sample-imports/": {"upload": 12, "zone": "Asia/Shanghai"},
    "POST /sample-exports/": {
        "points": [30], "since": "2026-11-01T00:00:00+08:00", "until": "2026-12-01T00:00:00+08:00", "form": "parquet",
    },
    "POST /company-erasure/": {"name": "Suzhou Precision"},
}  # fmt: skip

_AT = "/operator/tenants/{tenant_id}"

_OF_THE_OPERATOR: dict[str, Any] = {
    f"POST {_AT}/plan/": {**_CHANGE, "title": "Suzhou Precision Co., Ltd."},
    f"POST {_AT}/corrections/": {"invoice": 12, "reason": "Wrong tax number, call 4711", "reissue": True},
    f"POST {_AT}/trial/": {"currency": "CNY"},
    f"POST {_AT}/payments/": {"invoice": 12, "reference": "ICBC 2026112800042", "paid_on": "2026-11-28"},
    f"PUT {_AT}/switches/": {"feature": "webhooks", "is_on": False},
    f"PUT {_AT}/partner/": {"is_partner": True},
    "PUT /operator/seller/": {
        "title": "Forgeline Service Co., Ltd.", "address": "12 Jinji Lake Road, Suzhou",
        "tax_number": "91320500MA1SELL00X", "bank": {"CNY": "ICBC Suzhou, 6222 0000 1111 2222"},
    },
    "PUT /operator/unit-costs/": {
        "currency": "CNY", "per_million_samples": "0.35", "per_gb_day": "0.02", "per_cpu_s": "0.0001",
        "per_notification": "0.01", "per_api_call": "0.000001",
    },
    "POST /operator/announcements/": {
        "texts": {"en": "Service on Sunday from 2 to 4.", "zh-hans": "周日 2 点至 4 点维护。"}, "tone": "warn",
        "from_at": f"{clock.now():%Y-%m-%d}T00:00:00+08:00",
        "to_at": f"{clock.now() + timedelta(days=300):%Y-%m-%d}T00:00:00+08:00",
    },
}  # fmt: skip

BODIES: dict[str, Any] = {
    **_OF_PLANTS,
    **_OF_ALARMS,
    **_OF_MAINTENANCE,
    **_OF_THE_COMPANY,
    **_OF_THE_OPERATOR,
}
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
