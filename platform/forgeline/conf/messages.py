"""Find every string that is to be translated: in Python, templates and JavaScript, grouped by the app that owns it.

Not here: the catalogues themselves (conf/catalogs). Needs Babel, which only development machines carry.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from django.apps import apps
from django.utils.translation.template import templatize

from forgeline.conf.env import ROOT

KEYWORDS: dict[str, Any] = {
    "_": None,
    "N_": None,
    "mark": None,
    "gettext": None,
    "gettext_lazy": None,
    "gettext_noop": None,
    "ngettext": (1, 2),
    "ngettext_lazy": (1, 2),
    "pgettext": ((1, "c"), 2),
    "pgettext_lazy": ((1, "c"), 2),
    "npgettext": ((1, "c"), 2, 3),
    "npgettext_lazy": ((1, "c"), 2, 3),
}
"""Function → which arguments are message, plural and context; ``mark`` is that of the connector contract."""

TEMPLATES = {".html", ".txt", ".xml"}
SKIPPED = {"migrations", "locale", "vendor", "node_modules", "__pycache__"}


@dataclass(slots=True)
class Message:
    """One string to translate, with every file that says it."""

    msgid: str
    plural: str = ""
    context: str | None = None
    files: set[str] = field(default_factory=set)
    comments: list[str] = field(default_factory=list)

    @property
    def key(self) -> tuple[str | None, str]:
        """What tells two messages of one catalogue apart."""
        return self.context, self.msgid


def own_apps() -> dict[str, Path]:
    """Return the apps of this project (name → folder), those of libraries left out."""
    return {
        config.name: Path(config.path)
        for config in apps.get_app_configs()
        if Path(config.path).is_relative_to(ROOT) and "site-packages" not in Path(config.path).parts
    }


def extract() -> dict[tuple[str, str], list[Message]]:
    """Return the messages of each (app, domain); the domain is ``django``, for JavaScript ``djangojs``.

    A file belongs to the app whose folder is nearest above it; a room of the kernel without an app (``base``)
    gives its strings to ``forgeline.conf``.
    **Raises** ValueError naming the file that cannot be read as what it is.
    """
    owned = own_apps()
    found: dict[tuple[str, str], dict[tuple[str | None, str], Message]] = {}
    for path in _source_files(owned):
        domain = "djangojs" if path.suffix == ".js" else "django"
        messages = found.setdefault((_owner(path, owned), domain), {})
        try:
            for message in _read(path):
                known = messages.setdefault(message.key, message)
                known.files.add(path.relative_to(ROOT).as_posix())
                known.plural = known.plural or message.plural
                known.comments += [each for each in message.comments if each not in known.comments]
        except Exception as error:
            raise ValueError(f"{path.relative_to(ROOT)} cannot be searched for strings: {error}") from error
    return {key: sorted(by_key.values(), key=_order) for key, by_key in sorted(found.items()) if by_key}


def _order(message: Message) -> tuple[str, str, str]:
    return min(message.files), message.msgid, message.context or ""


def _source_files(owned: dict[str, Path]) -> Iterator[Path]:
    folders = set(owned.values())
    roots = {folder for folder in folders if folders.isdisjoint(folder.parents)}
    # Rooms of the kernel that are no app, such as `base`, are beside the apps.
    roots |= {folder.parent for name, folder in owned.items() if name.startswith("forgeline.")}
    seen: set[Path] = set()
    for root in sorted(roots):
        for path in sorted(root.rglob("*")):
            wanted = path.suffix in {".py", ".js"} | (TEMPLATES if "templates" in path.parts else set())
            if wanted and not SKIPPED.intersection(path.parts) and ".min." not in path.name:
                if path not in seen:
                    yield path
                seen.add(path)


def _owner(path: Path, owned: dict[str, Path]) -> str:
    above = [(len(folder.parts), name) for name, folder in owned.items() if path.is_relative_to(folder)]
    return max(above)[1] if above else "forgeline.conf"


def _read(path: Path) -> Iterator[Message]:
    from babel.messages.extract import extract as babel_extract

    source, method = path.read_text(encoding="utf-8"), "python"
    if path.suffix == ".js":
        method = "javascript"
    elif path.suffix in TEMPLATES:
        # What is left of a template is blanked text and calls, one line each; its indentation means nothing.
        source = "\n".join(line.lstrip() for line in templatize(source, origin=str(path)).splitlines())
    lines = io.BytesIO(source.encode())
    for _line, said, comments, context in babel_extract(method, lines, KEYWORDS, ["Translators:"]):
        singular, plural = said if isinstance(said, tuple) else (said, "")
        if singular:
            yield Message(singular, plural=plural or "", context=context or None, comments=list(comments))
