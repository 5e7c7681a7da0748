"""Tables of the plant: plants with their areas, lines and machines; devices. Not here: points (points)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.utils.functional import lazy
from django.utils.translation import get_language, gettext as _, gettext_lazy

from forgeline.assets import services
from forgeline.assets.models import Asset
from forgeline.assets.models.place import AssetLevel
from forgeline.assets.profiles import PROFILES
from forgeline.assets.queries import list_devices
from forgeline.base.errors import InvalidInputError
from forgeline.identity.policy import Actor
from forgeline.transfer.sheets.columns import Column, choice, flag, text
from forgeline.transfer.sheets.kinds import CHANGED, MADE, SAME, SheetKind, changes_of, try_cell
from forgeline.transfer.sheets.places import PlaceBook, join_path

EDIT = "assets.edit"
NAMES = (
    Column(
        "name_en",
        gettext_lazy("Name in English"),
        gettext_lazy("What readers of English see; may be empty."),
        "",
        parse=text(120),
    ),
    Column(
        "name_zh",
        gettext_lazy("Name in Chinese"),
        gettext_lazy("What readers of Chinese see; may be empty."),
        "",
        parse=text(120),
    ),
)
MACHINE = Column(
    "machine",
    gettext_lazy("Machine"),
    gettext_lazy("Path of the asset from the plant down, by names."),
    gettext_lazy("Plant 1/Line 1/Press 7"),
    is_needed=True,
    parse=text(600),
)


def _levels() -> dict[str, Any]:
    return {"plant": gettext_lazy("Plant"), **dict(AssetLevel.choices)}


def _profiles() -> dict[str, Any]:
    return {key: lazy(_name_of, str)(key) for key in PROFILES}


def _name_of(key: str) -> str:
    """What a profile is called in the language in force: cells are compared with each."""
    return PROFILES[key].name_in(get_language() or "en")


def names_of(row: dict[str, Any], before: dict[str, str]) -> dict[str, str]:
    found = dict(before)
    for column, language in (("name_en", "en"), ("name_zh", "zh-hans")):
        if column in row:
            found[language] = row[column]
    return found


class PlantKind(SheetKind):
    """What the three have in common: places by their paths."""

    permission = EDIT

    def __init__(self, actor: Actor) -> None:
        super().__init__(actor)
        self.places = PlaceBook()

    def look(self, row: dict[str, Any]) -> Iterator[InvalidInputError]:
        if "machine" in row:
            yield from try_cell(lambda: self.machine(row))

    def machine(self, row: dict[str, Any]) -> Asset:
        try:
            return self.places.find_asset(row["machine"])
        except ValueError as error:
            raise InvalidInputError.at("machine", str(error)) from None


class Assets(PlantKind):
    """Plants, areas, lines and machines, by their paths; what stands above comes first."""

    key, title = "assets", gettext_lazy("Plants and assets")
    identity = ("path",)
    fields = {"parent": "path", "name": "path", "names": "name_en", "site": "path"}
    columns = (
        Column(
            "path",
            gettext_lazy("Path"),
            gettext_lazy(
                "Names from the plant down; what stands above comes first. A slash within a name: \\/."
            ),
            gettext_lazy("Plant 1/Line 1/Press 7"),
            is_needed=True,
            parse=text(600),
        ),
        Column(
            "level",
            gettext_lazy("Level"),
            gettext_lazy("plant, area, line or work_unit (a machine). Needed for what is new."),
            "work_unit",
            parse=choice(_levels),
        ),
        Column(
            "profile",
            gettext_lazy("Device profile"),
            gettext_lazy("For a machine: brings its points."),
            "press",
            parse=choice(_profiles),
        ),
        *NAMES,
        Column(
            "zone",
            gettext_lazy("Time zone"),
            gettext_lazy("For a plant, such as Asia/Shanghai."),
            "",
            parse=text(64),
        ),
        Column(
            "with_points",
            gettext_lazy("Make points"),
            gettext_lazy("yes: a new machine gets the points of its profile."),
            "yes",
            parse=flag,
        ),
    )

    def write(self, row: dict[str, Any]) -> str:
        try:
            names = self.places.read(row["path"])
        except ValueError as error:
            raise InvalidInputError.at("path", str(error)) from None
        if any(len(name) > 120 for name in names):
            raise InvalidInputError.at("path", _("A name has at most %(most)d characters.") % {"most": 120})
        return self._write_site(names[0], row) if len(names) == 1 else self._write_asset(names, row)

    def _write_site(self, name: str, row: dict[str, Any]) -> str:
        if row.get("level", "plant") != "plant":
            raise InvalidInputError.at(
                "level", _("A path of one name is a plant; write where the asset stands before its name.")
            )
        site = self.places.sites.get(name)
        given = {"zone": row["zone"]} if "zone" in row else {}
        if site is None:
            made = services.create_site(name=name, names=names_of(row, {}), actor=self.actor, **given)
            self.places.sites[name] = made
            return MADE
        changes = changes_of(site, {"names": names_of(row, site.names), **given})
        if not changes:
            return SAME
        self.places.sites[name] = services.update_site(site_id=site.pk, actor=self.actor, **changes)
        return CHANGED

    def _write_asset(self, names: list[str], row: dict[str, Any]) -> str:
        if row.get("zone"):
            raise InvalidInputError.at("zone", _("Only a plant has a time zone."))
        site = self.places.sites.get(names[0])
        if site is None:
            raise InvalidInputError.at(
                "path", _("There is no plant %(name)s; write its row above this one.") % {"name": names[0]}
            )
        parent = None
        if len(names) > 2:
            parent = self.places.assets.get(tuple(names[:-1]))
            if parent is None:
                above = join_path(names[:-1])
                raise InvalidInputError.at(
                    "path", _("There is no %(path)s; write its row above this one.") % {"path": above}
                )
        asset = self.places.assets.get(tuple(names))
        if asset is None:
            return self._make(names, row, site.pk, None if parent is None else parent.pk)
        if "level" in row and row["level"] != asset.level:
            raise InvalidInputError.at(
                "level", _("This is there already as %(level)s.") % {"level": asset.get_level_display()}
            )
        given = {"names": names_of(row, asset.names)} | (
            {"profile": row["profile"]} if "profile" in row else {}
        )
        changes = changes_of(asset, given)
        if not changes:
            return SAME
        changed = services.update_asset(asset_id=asset.pk, actor=self.actor, **changes)
        self.places.add(changed, tuple(names))
        return CHANGED

    def _make(self, names: list[str], row: dict[str, Any], site_id: int, parent_id: int | None) -> str:
        if "level" not in row or row["level"] == "plant":
            raise InvalidInputError.at("level", _("Say what it is: area, line or work_unit."))
        asset = services.create_asset(
            site_id=site_id,
            parent_id=parent_id,
            level=row["level"],
            name=names[-1],
            names=names_of(row, {}),
            profile=row.get("profile", ""),
            with_points=row.get("with_points", False),
            actor=self.actor,
        )
        self.places.add(asset, tuple(names))
        return MADE

    def export(self) -> Iterator[list[Any]]:
        for site in self.places.sites.values():
            names = site.names
            yield [
                join_path([site.name]),
                "plant",
                "",
                names.get("en", ""),
                names.get("zh-hans", ""),
                site.zone,
                "",
            ]
            for path, asset in sorted(self.places.assets.items()):
                if asset.site_id == site.pk:
                    en, zh = asset.names.get("en", ""), asset.names.get("zh-hans", "")
                    yield [join_path(list(path)), asset.level, asset.profile, en, zh, "", ""]


class Devices(PlantKind):
    """Devices by their keys."""

    key, title = "devices", gettext_lazy("Devices")
    identity = ("key",)
    fields = {"asset_id": "machine"}
    columns = (
        Column(
            "key",
            gettext_lazy("Key"),
            gettext_lazy("How its source names it: the serial number, the part of the topic."),
            "meter-07",
            is_needed=True,
            parse=text(160),
        ),
        Column(
            "name",
            gettext_lazy("Name"),
            gettext_lazy("Without one it is called by its key."),
            gettext_lazy("Power meter of press 7"),
            parse=text(120),
        ),
        Column("machine", gettext_lazy("Machine"), MACHINE.help, MACHINE.example, parse=text(600)),
    )

    def __init__(self, actor: Actor) -> None:
        super().__init__(actor)
        self.devices = {device.key: device for device in list_devices()}

    def write(self, row: dict[str, Any]) -> str:
        given: dict[str, Any] = {"name": row["name"]} if "name" in row else {}
        if "machine" in row:
            given["asset_id"] = self.machine(row).pk
        device = self.devices.get(row["key"])
        if device is None:
            made = services.create_device(
                key=row["key"], name=given.pop("name", ""), actor=self.actor, **given
            )
            self.devices[made.key] = made
            return MADE
        changes = changes_of(device, given)
        if not changes:
            return SAME
        self.devices[device.key] = services.update_device(device_id=device.pk, actor=self.actor, **changes)
        return CHANGED

    def export(self) -> Iterator[list[Any]]:
        for device in self.devices.values():
            yield [device.key, device.name, self.places.path_of(device.asset_id)]
