"""Things of the plant by what people call them: ``Plant 1/Line 1/Press 7``. Read once, kept up while rows are made."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence

from django.conf import settings
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
    """Plants and assets of the company in force, by their names from the plant down, in whichever language."""

    def __init__(self) -> None:
        self.sites: dict[str, Site] = {site.name: site for site in list_sites()}
        self.assets: dict[tuple[str, ...], Asset] = {}
        self._names: dict[int, tuple[str, ...]] = {}
        self._aliases: dict[tuple[str, ...], tuple[str, ...] | None] = {}
        """Paths as pages show them in a language → by name; None for words that two things share."""
        rows = sorted(list_assets(), key=lambda each: each.path.count("/"))
        for asset, names in _spell(self.sites.values(), rows, ""):
            self.add(asset, names)
        for language, _word in settings.LANGUAGES:
            for site in self.sites.values():
                self._note((_word_of(site, language),), (site.name,))
            for asset, names in _spell(self.sites.values(), rows, language):
                self._note(names, self._names[asset.pk])

    def _note(self, words: tuple[str, ...], names: tuple[str, ...]) -> None:
        self._aliases[words] = names if self._aliases.get(words, names) == names else None

    def read(self, path: str) -> list[str]:
        """Return the names of a path as they are kept, as far as it is known; **raises** ValueError for no path."""
        words = split_path(path)
        for depth in range(len(words), 0, -1):
            head = tuple(words[:depth])
            if head in self.assets or (depth == 1 and head[0] in self.sites):
                return words
            if names := self._aliases.get(head):
                return [*names, *words[depth:]]
        return words

    def spellings(self) -> Iterator[tuple[tuple[str, ...], int]]:
        """Yield each path by which an asset may be called, and its number; its name's goes before another's words."""
        for names, asset in self.assets.items():
            yield names, asset.pk
        for words, kept in self._aliases.items():
            if kept in self.assets and words not in self.assets:
                yield words, self.assets[kept].pk

    def add(self, asset: Asset, names: tuple[str, ...]) -> None:
        """Know an asset from now on."""
        self._names[asset.pk] = names
        self.assets[names] = asset

    def path_of(self, asset_id: int | None) -> str:
        """Return an asset's path, '' for none."""
        return join_path(list(self._names.get(asset_id or 0, ())))

    def find_asset(self, path: str) -> Asset:
        """Return the asset at a path. **Raises** ValueError that names the first part that there is not."""
        names = self.read(path)
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


def _spell(
    sites: Iterable[Site], rows: Sequence[Asset], language: str
) -> Iterator[tuple[Asset, tuple[str, ...]]]:
    """Yield assets, those above first, with their paths in a language ('': by name)."""
    plants = {site.pk: _word_of(site, language) for site in sites}
    spelled: dict[int, tuple[str, ...]] = {}
    for asset in rows:
        above = (
            (plants.get(asset.site_id, ""),)
            if asset.parent_id is None
            else spelled.get(asset.parent_id, ("",))
        )
        spelled[asset.pk] = (*above, _word_of(asset, language))
        yield asset, spelled[asset.pk]


def _word_of(row: Site | Asset, language: str) -> str:
    return str(row.names.get(language) or row.name)
