"""Mappings for the payloads of common meters, gateways and switches, after their makers' documents. Data only."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_SWITCH = {"ON": 1, "OFF": 0}

PRESETS: Mapping[str, Mapping[str, Any]] = {
    # Gen2+ RPC notifications on <id>/events/rpc: {"src": "shellypro3em-…", "method": "NotifyStatus",
    # "params": {"ts": 1631266595.44, "switch:0": {"apower": 8.9, "aenergy": {"total": 6.5, …}}}}
    "shelly": {
        "device": "payload.src", "values": "payload.params", "time": "payload.params.ts", "time_unit": "s",
        "skip": ["ts"],
    },
    # tele/<topic>/SENSOR: {"Time": "2024-05-06T12:00:00", "ENERGY": {"Total": 3.185, "Power": 16, …}}; the clock is
    # local, so that the zone must be China's, or be set in a mapping of one's own.
    "tasmota": {
        "device": "topic.1", "values": "payload", "time": "payload.Time", "zone": "Asia/Shanghai",
        "skip": ["Time"], "words": _SWITCH,
    },
    # zigbee2mqtt/<name>: {"power": 12.1, "state": "ON", "linkquality": 90, "last_seen": "2024-05-06T12:00:00+08:00"}
    "zigbee2mqtt": {
        "device": "topic.1", "values": "payload", "time": "payload.last_seen", "skip": ["last_seen", "update"],
        "words": _SWITCH,
    },
    # Data loggers of Chinese meters: {"sn": "2403150001", "time": "2024-05-06 12:00:00" (or 20240506120000),
    # "data": [{"name": "Ua", "value": "220.5"}, …]}
    "cn_meter": {
        "device": "payload.sn", "items": "payload.data", "key": "item.name", "value": "item.value",
        "time": "payload.time", "zone": "Asia/Shanghai",
    },
    # The same with short names: {"id": "meter-7", "ts": 1714968000, "list": [{"k": "P", "v": 12.3}, …]}
    "cn_meter_short": {
        "device": "payload.id", "items": "payload.list", "key": "item.k", "value": "item.v", "time": "payload.ts",
    },
}  # fmt: skip
