"""A mapping: which path in topic and payload gives device, key, value and time. Pure.

Paths: ``topic.1`` (a level of the topic, from 0; ``topic.-1`` the last), ``payload.a.b`` (from the payload's top),
``item.a`` (from one element of the list that ``items`` names), ``=text`` (the text itself). Segments with a dot of
their own are put in brackets: ``payload.params[switch:0].apower``.
"""

from __future__ import annotations

import re
from collections.abc import Mapping as AnyMapping, Sequence
from dataclasses import dataclass, fields
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from connectors.contract import mark

_SEGMENT = re.compile(r"\[([^\]]+)\]|([^.\[\]]+)")
_MISSING = object()
_UNITS = ("auto", "s", "ms", "us", "ns")


class MappingError(ValueError):
    """A mapping that cannot be used; the argument is a sentence."""


@dataclass(frozen=True, slots=True)
class Path:
    """One parsed path."""

    root: str
    """topic | payload | item | ="""
    segments: tuple[str, ...]

    @classmethod
    def parse(cls, text: str) -> Path:
        """**Raises** MappingError."""
        if text.startswith("="):
            return cls("=", (text[1:],))
        root, _, rest = text.partition(".") if "[" not in text.split(".", 1)[0] else text.partition("[")
        if "[" in text.split(".", 1)[0]:
            rest = "[" + rest
        segments = tuple(a or b for a, b in _SEGMENT.findall(rest))
        if root not in ("topic", "payload", "item"):
            raise MappingError(
                mark("%(text)s: a path begins with topic, payload, item or =.") % {"text": text}
            )
        if root == "topic":
            try:
                [int(segment) for segment in segments]
            except ValueError:
                raise MappingError(
                    mark("%(text)s: the levels of a topic are numbers.") % {"text": text}
                ) from None
        return cls(root, segments)

    def find(self, levels: Sequence[str], payload: Any, item: Any) -> Any:
        """Return what stands there, None where there is nothing."""
        if self.root == "=":
            return self.segments[0]
        if self.root == "topic":
            try:
                return "/".join(levels[int(segment)] for segment in self.segments) or "/".join(levels)
            except IndexError:
                return None
        found = payload if self.root == "payload" else item
        for segment in self.segments:
            if isinstance(found, AnyMapping):
                found = found.get(segment, _MISSING)
            elif (
                isinstance(found, list)
                and segment.lstrip("-").isdigit()
                and -len(found) <= int(segment) < len(found)
            ):
                found = found[int(segment)]
            else:
                return None
            if found is _MISSING:
                return None
        return found


@dataclass(frozen=True, slots=True)
class Mapping:
    """Where things stand. Either ``key`` and ``value`` name one value (of each item), or every value under ``values``
    is taken, nested ones by their dotted names.
    """

    device: Path
    items: Path | None = None
    key: Path | None = None
    value: Path | None = None
    values: Path | None = None
    quality: Path | None = None
    time: Path | None = None
    time_unit: str = "auto"
    zone: str = ""
    skip: tuple[str, ...] = ()
    """Names under ``values`` that are none."""
    words: tuple[tuple[str, Any], ...] = ()
    """Texts that stand for numbers, such as ON for 1."""

    @classmethod
    def parse(cls, raw: AnyMapping[str, Any]) -> Mapping:
        """Check a JSON-like mapping. **Raises** MappingError with the first fault."""
        names = {f.name for f in fields(cls)}
        unknown = sorted(set(raw) - names)
        if unknown:
            raise MappingError(
                mark("A mapping has no %(unknown)s; it has %(names)s.")
                % {"unknown": ", ".join(unknown), "names": ", ".join(sorted(names))}
            )
        if "device" not in raw:
            raise MappingError(mark("A mapping must say where the device's name stands (device)."))
        if ("value" in raw) != ("key" in raw):
            raise MappingError(mark("In a mapping key and value go together."))
        if "value" not in raw and "values" not in raw:
            raise MappingError(mark("A mapping needs key and value, or values."))
        made: dict[str, Any] = {}
        for name, given in raw.items():
            if name == "skip":
                if not isinstance(given, list):
                    raise MappingError(mark("skip of a mapping is a list of names."))
                made[name] = tuple(str(each) for each in given)
            elif name == "words":
                if not isinstance(given, dict):
                    raise MappingError(mark('words of a mapping is an object such as {"ON": 1}.'))
                made[name] = tuple(given.items())
            elif not isinstance(given, str):
                raise MappingError(mark("%(name)s must be text in a mapping.") % {"name": name})
            else:
                made[name] = given if name in ("time_unit", "zone") else Path.parse(given)
        if made.get("time_unit", "auto") not in _UNITS:
            raise MappingError(
                mark("time_unit of a mapping is one of %(units)s.") % {"units": ", ".join(_UNITS)}
            )
        if made.get("zone"):
            try:
                ZoneInfo(made["zone"])
            except (ZoneInfoNotFoundError, ValueError, OSError):  # OSError: a folder of zones, such as Asia
                raise MappingError(
                    mark("%(zone)s is no time zone; one is Asia/Shanghai.") % {"zone": made["zone"]}
                ) from None
        return cls(**made)
