"""What Forgeline answers, as types. Written by `manage.py api_surface update` from the description."""

from __future__ import annotations

from typing import Any, Literal, TypedDict


class Plant(TypedDict):
    id: int
    name: str
    names: Any
    zone: str
    country: str
    day_starts_at: str


class Asset(TypedDict):
    id: int
    plant: int
    parent: int | None
    level: Literal["area", "line", "work_unit"]
    name: str
    names: Any
    path: str
    position: int
    profile: str


class Device(TypedDict):
    id: int
    name: str
    key: str
    asset: int | None
    created_at: str


class Point(TypedDict):
    id: int
    asset: int
    device: int | None
    key: str
    name: str
    names: Any
    unit: str
    kind: Literal["gauge", "counter", "state", "boolean", "text"]
    role: str
    valid_min: float | None
    valid_max: float | None
    expected_interval_s: float
    decimals: int
    labels: Any
    is_simulated: bool
    position: int


class Alarm(TypedDict):
    id: int
    asset: int
    asset_name: str
    plant: int
    key: str
    definition: Any
    severity: int
    is_active: bool
    is_latched: bool
    raised_at: str | None
    cleared_at: str | None
    value: float | None
    is_acknowledged: bool
    acknowledged_at: str | None
    acknowledged_by: int | None
    is_silenced: bool
    is_suppressed: bool
    shelved_until: str | None
    shelve_reason: str
    out_of_service_at: str | None
    assigned_to: int | None


class JournalEntry(TypedDict):
    id: int
    alarm: int
    asset: int
    key: str
    kind: Literal["raised", "cleared", "acknowledged", "shelved", "unshelved", "out_of_service", "in_service", "commented", "assigned", "suppressed", "unsuppressed"]
    happened_at: str
    noted_at: str
    value: float | None
    is_quiet: bool
    person: int | None
    person_name: str
    text: str


class Connection(TypedDict):
    id: int
    kind: str
    name: str
    enabled: bool
    options: dict[str, Any]
    binding_count: int
    revision: int
    created_at: str
    status: dict[str, Any]
