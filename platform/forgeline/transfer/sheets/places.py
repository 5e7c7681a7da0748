"""Things of the plant by what people call them: ``Plant 1/Line 1/Press 7``. Read once, kept up while rows are made."""

from __future__ import annotations

import re

from django.utils.translation import gettext as _

from forgeline.assets.models import Asset, Site
from forgeline.assets.queries import list_assets, list_sites

_SLASH = re.compile(r"(?<!\\)/")


def split_path(path: str) -> list[str]:
    """``Hall 1/Line\\/2/Press`` → its names; a slash within a name is written ``\\/``. **Raises** ValueError."""
    names = [part.replace("\\/", "/").strip() for part in _SLASH.split(path.strip().strip())]
    if not names or not all(names):
        raise ValueError(_("Write the path from the plant down, such as Plant 1/Line 1/Press 7."))
    return names


def join_path(names: list[str]) -> str:
    """Return a path as ``split_path`` takes it."""
    return "/".join(name.replace("/", "\\/") for name in names)


class PlaceBook:
    """Plants and assets of the company in force, by their names from the plant down."""

    def __init__(self) -> None:
        self.sites: dict[str, Site] = {site.name: site for site in list_sites()}
        self.assets: dict[tuple[str, ...], Asset] = {}
        self._names: dict[int, tuple[str, ...]] = {}
        by_id = {asset.pk: asset for asset in list_assets()}
        plants = {site.pk: site.name for site in self.sites.values()}
        for asset in sorted(by_id.values(), key=lambda each: each.path.count("/")):
            above = (
                (plants.get(asset.site_id, ""),)
                if asset.parent_id is None
                else self._names.get(asset.parent_id, ("",))
            )
            self.add(asset, (*above, asset.name))

    def add(self, asset: Asset, names: tuple[str, ...]) -> None:
        """Know an asset from now on."""
        self._names[asset.pk] = names
        self.assets[names] = asset

    def path_of(self, asset_id: int | None) -> str:
        """Return an asset's path, '' for none."""
        return join_path(list(self._names.get(asset_id or 0, ())))

    def find_asset(self, path: str) -> Asset:
        """Return the asset at a path. **Raises** ValueError that names the first part that there is not."""
        names = split_path(path)
        if names[0] not in self.sites:
            listed = ", ".join(list(self.sites)[:10])
            raise ValueError(
                _("There is no plant %(name)s; there are: %(known)s.") % {"name": names[0], "known": listed}
            )
        if len(names) == 1:
            raise ValueError(
                _("This is a plant; write the path of a machine, such as Plant 1/Line 1/Press 7.")
            )
        for depth in range(2, len(names) + 1):
            if tuple(names[:depth]) not in self.assets:
                raise ValueError(
                    _("There is no %(name)s in %(place)s; import it first, or correct its name.")
                    % {"name": names[depth - 1], "place": join_path(names[: depth - 1])}
                )
        return self.assets[tuple(names)]
