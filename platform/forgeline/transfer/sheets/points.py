"""The table of points."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from django.utils.translation import gettext as _, gettext_lazy

from forgeline.assets import services
from forgeline.assets.models import Device, Point
from forgeline.assets.models.point import Kind
from forgeline.assets.queries import list_devices, list_points
from forgeline.assets.roles import POINT_ROLES
from forgeline.base.errors import InvalidInputError
from forgeline.identity.policy import Actor
from forgeline.transfer.sheets.columns import Column, choice, number, text, whole
from forgeline.transfer.sheets.kinds import CHANGED, MADE, SAME, changes_of, try_cell
from forgeline.transfer.sheets.plant import MACHINE, NAMES, PlantKind, names_of


def _kinds() -> dict[str, Any]:
    return {kind.name.lower(): kind.label for kind in Kind}


class Points(PlantKind):
    """Points by machine and key."""

    key, title = "points", gettext_lazy("Points")
    identity = ("machine", "key")
    fields = {"device_id": "device", "names": "name_en", "asset": "machine"}
    columns = (
        MACHINE,
        Column(
            "key",
            gettext_lazy("Key"),
            gettext_lazy("How its source names it; each once on a machine."),
            "power",
            is_needed=True,
            parse=text(120),
        ),
        Column(
            "name",
            gettext_lazy("Name"),
            gettext_lazy("Without one it is called by its key."),
            gettext_lazy("Active power"),
            parse=text(120),
        ),
        *NAMES,
        Column(
            "kind",
            gettext_lazy("Kind"),
            gettext_lazy("gauge (a measurement), counter, state, boolean or text."),
            "gauge",
            parse=choice(_kinds),
        ),
        Column(
            "unit",
            gettext_lazy("Unit"),
            gettext_lazy("By UCUM: Cel, kW, kWh, bar, m3/h, /min, mm/s."),
            "kW",
            parse=text(32),
        ),
        Column(
            "role",
            gettext_lazy("Role"),
            gettext_lazy("What the value is for, such as power.active; modules find it by this."),
            "power.active",
            parse=choice(lambda: {role.key: role.title for role in POINT_ROLES.values()}),
        ),
        Column(
            "device",
            gettext_lazy("Device"),
            gettext_lazy("Key of the device that sends it."),
            "meter-07",
            parse=text(160),
        ),
        Column(
            "valid_min",
            gettext_lazy("Lowest valid value"),
            gettext_lazy("A number; values below are kept as uncertain."),
            "0",
            parse=number,
        ),
        Column(
            "valid_max",
            gettext_lazy("Highest valid value"),
            gettext_lazy("A number; values above are kept as uncertain."),
            "400",
            parse=number,
        ),
        Column(
            "expected_interval_s",
            gettext_lazy("Expected every (s)"),
            gettext_lazy("Seconds between two values."),
            "10",
            parse=number,
        ),
        Column(
            "decimals",
            gettext_lazy("Decimals"),
            gettext_lazy("Digits after the point that pages show, 0 to 9."),
            "1",
            parse=whole(0, 9),
        ),
        Column(
            "labels",
            gettext_lazy("Labels of states"),
            gettext_lazy("Code and word, such as 0=Off; 1=Running; or JSON."),
            "",
            parse=text(2000),
        ),
    )

    def __init__(self, actor: Actor) -> None:
        super().__init__(actor)
        self.devices = {device.key: device for device in list_devices()}
        self.points = {(point.asset_id, point.key): point for point in list_points()}

    def look(self, row: dict[str, Any]) -> Iterator[InvalidInputError]:
        yield from super().look(row)
        if "labels" in row:
            yield from try_cell(lambda: _labels(row["labels"]))
        if "device" in row:
            yield from try_cell(lambda: self._device(row["device"]))
        # A point that is there keeps what the row does not say.
        if "machine" not in row or self._present(row) is None:
            yield from try_cell(lambda: services.check_point(Point(key=row.get("key") or "?", **_facts(row))))

    def _device(self, key: str) -> Device:
        device = self.devices.get(key)
        if device is None:
            raise InvalidInputError.at("device", _("There is no device with this key; import it first."))
        return device

    def _present(self, row: dict[str, Any]) -> Point | None:
        try:
            return self.points.get((self.machine(row).pk, row.get("key", "")))
        except InvalidInputError:
            return None

    def write(self, row: dict[str, Any]) -> str:
        asset = self.machine(row)
        given = _facts(row)
        if "labels" in row:
            given["labels"] = _labels(row["labels"])
        if "device" in row:
            given["device_id"] = self._device(row["device"]).pk
        point = self.points.get((asset.pk, row["key"]))
        if point is None:
            names = {each: name for each, name in names_of(row, {}).items() if name}
            point = services.create_point(
                asset_id=asset.pk, key=row["key"], names=names, actor=self.actor, **given
            )
            self.points[asset.pk, point.key] = point
            return MADE
        given["names"] = names_of(row, point.names)
        if "kind" in given and given["kind"] != point.kind:
            raise InvalidInputError.at("kind", _("A point that is there keeps its kind; make another one."))
        changes = changes_of(point, given)
        if not changes:
            return SAME
        changed = services.update_point(point_id=point.pk, actor=self.actor, **changes)
        self.points[asset.pk, point.key] = changed
        return CHANGED

    def export(self) -> Iterator[list[Any]]:
        keys = {device.pk: device.key for device in self.devices.values()}
        for point in self.points.values():
            yield [
                self.places.path_of(point.asset_id),
                point.key,
                point.name,
                point.names.get("en", ""),
                point.names.get("zh-hans", ""),
                Kind(point.kind).name.lower(),
                point.unit,
                point.role,
                keys.get(point.device_id or 0, ""),
                point.valid_min,
                point.valid_max,
                point.expected_interval_s,
                point.decimals,
                _show_labels(point.labels),
            ]


def _facts(row: dict[str, Any]) -> dict[str, Any]:
    """Return the fields of a point that its cells tell by themselves."""
    named = ("name", "unit", "role", "valid_min", "valid_max", "expected_interval_s", "decimals")
    given = {name: row[name] for name in named if name in row}
    return given | ({"kind": Kind[row["kind"].upper()].value} if "kind" in row else {})


def _labels(word: str) -> dict[str, Any]:
    if word.startswith("{"):
        try:
            found = json.loads(word)
        except ValueError:
            found = None
        if isinstance(found, dict) and all(isinstance(each, str | dict) for each in found.values()):
            return found
    else:
        pairs = [part.partition("=") for part in word.replace("；", ";").split(";") if part.strip()]
        if pairs and all(
            code.strip().lstrip("-").isdecimal() and name.strip() for code, _sign, name in pairs
        ):
            return {code.strip(): name.strip() for code, _sign, name in pairs}
    raise InvalidInputError.at("labels", _("Write codes and words, such as 0=Off; 1=Running."))


def _show_labels(labels: dict[str, Any]) -> str:
    plain = all(isinstance(name, str) and ";" not in name for name in labels.values())
    if plain:
        return "; ".join(f"{code}={name}" for code, name in labels.items())
    return json.dumps(labels, ensure_ascii=False)
