"""Options as form fields, made from their declaration; what was typed as raw options. Not here: templates, checks.

One form for every connector: a connector is added by its Options class alone.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping, Sequence
from dataclasses import MISSING, dataclass, field
from typing import Any, get_type_hints

from django.utils.translation import gettext as _

from connectors.contract import ConnectorSpec
from connectors.wording import translate_sentence


@dataclass(slots=True)
class OptionField:
    """One field of a form."""

    name: str
    label: str
    help: str
    kind: str
    """text, number, whole, switch, choice, secret, lines, list, json"""
    value: Any
    unit: str = ""
    minimum: float | None = None
    maximum: float | None = None
    choices: list[tuple[str, str]] = field(default_factory=list)
    is_required: bool = False
    is_advanced: bool = False
    is_kept: bool = False
    """A secret that is set already and stays unless something is typed."""
    faults: list[str] = field(default_factory=list)
    when: str = ""
    """``name=value value``: the field that decides whether this one has a meaning, and with which values."""


def list_fields(
    spec: ConnectorSpec, values: Mapping[str, Any], faults: Mapping[str, Sequence[str]] | None = None
) -> list[OptionField]:
    """Return the fields of a connector's form with these values; secrets are never among them."""
    hints = get_type_hints(spec.options)
    fields = []
    for declared in dataclasses.fields(spec.options):
        metadata = declared.metadata
        if metadata.get("hidden"):
            continue
        kind = _kind_of(hints[declared.name], metadata)
        value = values.get(declared.name, _default_of(declared))
        is_secret = bool(metadata.get("secret"))
        fields.append(
            OptionField(
                name=declared.name,
                label=translate_sentence(metadata.get("label") or declared.name),
                help=translate_sentence(metadata.get("help") or ""),
                kind=kind,
                value="" if is_secret else _shown(value, kind),
                unit=metadata.get("unit") or "",
                minimum=metadata.get("minimum"),
                maximum=metadata.get("maximum"),
                choices=[(choice, _word(choice)) for choice in metadata.get("choices") or ()],
                is_required=declared.default is MISSING and declared.default_factory is MISSING,
                is_advanced=bool(metadata.get("advanced")),
                is_kept=is_secret and bool(values.get(declared.name)),
                faults=list((faults or {}).get(declared.name, ())),
                when=" ".join(
                    f"{name}={' '.join(each)}" for name, each in (metadata.get("when") or {}).items()
                ),
            )
        )
    return fields


def read_fields(spec: ConnectorSpec, posted: Mapping[str, Any], kept: Mapping[str, Any]) -> dict[str, Any]:
    """Return raw options from a form. A secret left empty keeps the one in ``kept``; an empty field its default."""
    hints = get_type_hints(spec.options)
    raw: dict[str, Any] = {}
    for declared in dataclasses.fields(spec.options):
        name = declared.name
        kind = _kind_of(hints[name], declared.metadata)
        text = posted.get(name)
        if kind == "switch":
            raw[name] = text in ("on", "true", "1")
        elif declared.metadata.get("secret"):
            value = text or kept.get(name)
            if value:
                raw[name] = value
        elif text is None:
            if name in kept:
                raw[name] = kept[name]
        elif kind == "list":
            raw[name] = [line.strip() for line in str(text).splitlines() if line.strip()]
        elif kind == "json":
            raw[name] = _from_json(str(text))
        elif str(text).strip() or declared.default is MISSING:
            raw[name] = str(text) if kind == "lines" else str(text).strip()
    return {name: value for name, value in raw.items() if value != "" or name in kept}


def _kind_of(hint: Any, metadata: Mapping[str, Any]) -> str:
    origin = getattr(hint, "__origin__", hint)
    if metadata.get("choices"):
        return "choice"
    if metadata.get("secret"):
        return "secret_lines" if metadata.get("multiline") else "secret"
    if metadata.get("multiline") and origin is str:
        return "lines"
    return {bool: "switch", int: "whole", float: "number", list: "list", tuple: "list", dict: "json"}.get(
        origin, "text"
    )


def _default_of(declared: dataclasses.Field[Any]) -> Any:
    if declared.default is not MISSING:
        return declared.default
    if declared.default_factory is not MISSING:
        return declared.default_factory()
    return ""


def _shown(value: Any, kind: str) -> Any:
    if kind == "list" and not isinstance(value, str):
        return "\n".join(str(each) for each in value or ())
    if kind == "json" and not isinstance(value, str):
        return json.dumps(value or {}, ensure_ascii=False, indent=2) if value else ""
    if kind == "number" and isinstance(value, float) and value.is_integer():
        return int(value)
    return value


def _from_json(text: str) -> Any:
    if not text.strip():
        return {}
    try:
        return json.loads(text)
    except ValueError:
        return text  # the options' own check says what is wrong


def _word(choice: str) -> str:
    """Return the word of a choice; names of the protocol (Basic256Sha256, SignAndEncrypt) stay."""
    words = {
        "anonymous": _("Anonymous"),
        "user": _("User and password"),
        "certificate": _("Certificate"),
        "subscribe": _("Subscription"),
        "poll": _("Polling"),
        "none": _("None"),
        "absolute": _("Absolute"),
        "percent": _("Percent of range"),
        "None": _("None"),
        "Sign": _("Sign"),
        "SignAndEncrypt": _("Sign and encrypt"),
        "json": _("JSON as described below"),
        "mapping": _("By a mapping of your own"),
        "shelly": "Shelly",
        "tasmota": "Tasmota",
        "zigbee2mqtt": "Zigbee2MQTT",
        "cn_meter": _("Data logger of Chinese meters (sn, time, data)"),
        "cn_meter_short": _("The same with short names (id, ts, list)"),
    }
    return words.get(choice, choice)
