"""Topic and payload → device, keys, values, times. Pure; one Decoder a connection, for its caches.

Not here: the socket (link), what a value becomes for its point (runtime/values).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import msgspec

from connectors.contract import mark
from connectors.mqtt.mapping import Mapping
from connectors.mqtt.names import Name, Naming
from connectors.mqtt.times import TimeFormatError, read_time
from connectors.runtime.addresses import join_address

MAX_DEPTH = 8
MAX_VALUES = 20_000
"""In one message; a batch holds as many."""
_TIME_KEYS = ("ts", "timestamp", "time")
MAX_ADDRESS = 400
"""As long as a binding's address may be: a longer one could never be asked for."""
_SHAPES_KEPT = 20_000
_SHAPE_KEYS_KEPT = 500_000
"""In all shapes: a device that invents its keys must not fill the memory with them."""

_decode_json = msgspec.json.Decoder().decode


class DecodeError(ValueError):
    """A message that cannot be read: a dotted reason and a sentence."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason
        self.detail = detail


@dataclass(slots=True)
class Decoded:
    """The readings of one message, as parallel columns; ``quality`` None where all are good."""

    addresses: tuple[str, ...]
    values: list[Any]
    ts_us: list[int | None]
    quality: list[int] | None = None


@dataclass(slots=True)
class _Columns:
    addresses: list[str] = field(default_factory=list)
    values: list[Any] = field(default_factory=list)
    ts_us: list[int | None] = field(default_factory=list)
    quality: list[int] = field(default_factory=list)


class Decoder:
    """Reads the messages of one connection."""

    def __init__(self, naming: Naming, mapping: Mapping | None = None) -> None:
        self._naming = naming
        self._mapping = mapping
        self._words = dict(mapping.words) if mapping else {}
        self._shapes: dict[tuple[str, str, tuple[str, ...]], tuple[str, ...]] = {}
        self._shape_keys = 0

    def decode(self, topic: str, payload: bytes) -> Decoded:
        """Return the readings of a message. **Raises** DecodeError."""
        name = self._naming.name(topic)
        if self._mapping is not None:
            return self._read_mapped(topic, _read_object(payload))
        if payload[:1] not in b"{[" or not payload:
            return self._read_scalar(name, payload)
        document = _read_object(payload)
        if type(document) is dict:
            simple = self._read_simple(name, document)
            if simple is not None:
                return simple
        columns = _Columns()
        documents = document if isinstance(document, list) else [document]
        for each in documents:
            if not isinstance(each, dict):
                raise DecodeError("mqtt.not_objects", mark("The list holds something that is no object."))
            self._read_any(name, each, columns)
        return _finish(columns)

    # --- the common case ---

    def _read_simple(self, name: Name, document: dict[str, Any]) -> Decoded | None:
        """{"ts": ms, "values": {key: scalar}}: every step here is paid for each message."""
        values = document.get("values")
        if type(values) is not dict or not values:
            return None
        given = list(values.values())
        types = set(map(type, given))
        if dict in types or list in types or len(given) > MAX_VALUES:
            return None
        ts = document.get("ts")
        ts_us = ts * 1000 if type(ts) is int and 0 < ts < 1 << 43 else _time_of(document)
        shape = (name.device, name.prefix, tuple(values))
        addresses = self._shapes.get(shape)
        if addresses is None:
            addresses = self._remember(shape)
        return Decoded(addresses, given, [ts_us] * len(given))

    def _remember(self, shape: tuple[str, str, tuple[str, ...]]) -> tuple[str, ...]:
        device, prefix, keys = shape
        addresses = tuple(_address(device, prefix + key) for key in keys)
        if len(self._shapes) >= _SHAPES_KEPT or self._shape_keys >= _SHAPE_KEYS_KEPT:
            self._shapes.clear()
            self._shape_keys = 0
        self._shapes[shape] = addresses
        self._shape_keys += len(addresses)
        return addresses

    # --- any object ---

    def _read_any(self, name: Name, document: dict[str, Any], columns: _Columns) -> None:
        values = document.get("values")
        if isinstance(values, dict):
            ts_us, skip = _time_of(document), ()
        else:
            values = document
            ts_us = _time_of(document)
            # What was read as the time is none of the values.
            skip = tuple(key for key in _TIME_KEYS if key in document) if ts_us is not None else ()
        _add_all(columns, name.device, name.prefix, values, ts_us, skip, self._words)

    def _read_scalar(self, name: Name, payload: bytes) -> Decoded:
        if not payload:
            raise DecodeError("mqtt.empty", mark("The message is empty."))
        try:
            value = _decode_json(payload)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            try:
                value = payload.decode()
            except UnicodeDecodeError:
                raise DecodeError("mqtt.not_text", mark("The payload is neither JSON nor text.")) from None
            if not value.isprintable():
                raise DecodeError("mqtt.not_text", mark("The payload is neither JSON nor text.")) from None
        return Decoded((_address(name.parent, name.leaf),), [value], [None])

    # --- mapped ---

    def _read_mapped(self, topic: str, document: Any) -> Decoded:
        mapping = self._mapping
        assert mapping is not None
        levels = topic.split("/")
        items = [None] if mapping.items is None else mapping.items.find(levels, document, None)
        if not isinstance(items, list):
            raise DecodeError("mqtt.no_items", mark("There is no list where the mapping looks for one."))
        columns = _Columns()
        for item in items:
            device = mapping.device.find(levels, document, item)
            if not isinstance(device, str | int) or device == "":
                raise DecodeError(
                    "mqtt.no_device", mark("The device's name is not where the mapping looks for it.")
                )
            device = str(device)
            raw_time = mapping.time.find(levels, document, item) if mapping.time else None
            ts_us = None if raw_time is None else _read_time(raw_time, mapping.time_unit, mapping.zone)
            if mapping.values is not None:
                values = mapping.values.find(levels, document, item)
                if not isinstance(values, dict):
                    raise DecodeError(
                        "mqtt.no_values", mark("There is no object where the mapping looks for values.")
                    )
                _add_all(columns, device, "", values, ts_us, mapping.skip, self._words)
            if mapping.key is not None and mapping.value is not None:
                key = mapping.key.find(levels, document, item)
                if not isinstance(key, str | int):
                    raise DecodeError(
                        "mqtt.no_key", mark("The value's name is not where the mapping looks for it.")
                    )
                quality = mapping.quality.find(levels, document, item) if mapping.quality else 0
                value = mapping.value.find(levels, document, item)
                _add(columns, _address(device, str(key)), self._word(value), ts_us, quality)
        return _finish(columns)

    def _word(self, value: Any) -> Any:
        return self._words.get(value, value) if isinstance(value, str) else value


def _address(device: str, key: str) -> str:
    address = join_address(device, key)
    if len(address) > MAX_ADDRESS:
        raise DecodeError("mqtt.address_too_long", mark("The name of a value is longer than 400 letters."))
    return address


def _read_object(payload: bytes) -> Any:
    try:
        return _decode_json(payload)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise DecodeError("mqtt.not_json", str(error)[:300]) from None
    except RecursionError:
        raise DecodeError("mqtt.too_deep", mark("The payload is nested too deep.")) from None


def _read_time(value: Any, unit: str = "auto", zone: str = "") -> int:
    try:
        return read_time(value, unit=unit, zone=zone)
    except TimeFormatError as error:
        raise DecodeError("mqtt.bad_time", str(error)) from None


def _time_of(document: dict[str, Any]) -> int | None:
    for key in _TIME_KEYS:
        value = document.get(key)
        if value is not None:
            return _read_time(value)
    return None


def _add_all(
    columns: _Columns,
    device: str,
    prefix: str,
    values: dict[str, Any],
    ts_us: int | None,
    skip: tuple[str, ...],
    words: dict[str, Any],
) -> None:
    for key, given in _flatten(values, 0):
        if key in skip:
            continue
        value, quality = given, 0
        if (
            type(value) is list
            and len(value) == 2
            and type(value[1]) is int
            and not isinstance(value[0], list | dict)
        ):
            value, quality = value
        if type(value) is str and words:
            value = words.get(value, value)
        _add(columns, _address(device, prefix + key), value, ts_us, quality)


def _add(columns: _Columns, address: str, value: Any, ts_us: int | None, quality: Any) -> None:
    if len(columns.addresses) >= MAX_VALUES:
        raise DecodeError("mqtt.too_many_values", mark("One message may hold at most 20,000 values."))
    columns.addresses.append(address)
    columns.values.append(value)
    columns.ts_us.append(ts_us)
    # What is no quality stays visible as one that the store refuses with a reason.
    columns.quality.append(quality if type(quality) is int and -1 <= quality <= 3 else 3)


def _flatten(values: dict[str, Any], depth: int) -> Iterator[tuple[str, Any]]:
    if depth > MAX_DEPTH:
        raise DecodeError("mqtt.too_deep", mark("The payload is nested too deep."))
    for key, value in values.items():
        if type(value) is dict:
            for inner, leaf in _flatten(value, depth + 1):
                yield f"{key}.{inner}", leaf
        else:
            yield key, value


def _finish(columns: _Columns) -> Decoded:
    if not columns.addresses:
        raise DecodeError("mqtt.no_values", mark("The message holds no value."))
    return Decoded(
        tuple(columns.addresses),
        columns.values,
        columns.ts_us,
        columns.quality if any(columns.quality) else None,
    )
