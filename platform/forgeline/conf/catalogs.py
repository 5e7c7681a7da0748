"""The translation catalogues of each app: brought up to date, compiled, checked.

Not here: where the strings come from (conf/messages).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import polib
from django.conf import settings
from django.utils.translation import to_locale

from forgeline.conf.env import ROOT
from forgeline.conf.messages import Message, own_apps

PLURALS = {"zh_Hans": "nplurals=1; plural=0;"}
_PLACEHOLDER = re.compile(r"%\(\w+\)[#0\- +]?\d*(?:\.\d+)?[a-zA-Z]|%[sd]|\{\w*(?::[^{}]*)?\}")


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that a catalogue lacks or has wrong."""

    catalog: str
    kind: str
    """missing | fuzzy | placeholder | conflict"""
    msgid: str

    def __str__(self) -> str:
        return f"{self.catalog}: {self.kind}: {self.msgid!r}"


def target_locales() -> list[str]:
    """Return the locales that need a catalogue: every language but English, in which the strings are written."""
    return [to_locale(code) for code, _ in settings.LANGUAGES if code != "en"]


def catalog_path(app: str, locale: str, domain: str) -> Path:
    """Return where an app's catalogue is, or would be."""
    return own_apps()[app] / "locale" / locale / "LC_MESSAGES" / f"{domain}.po"


def list_catalogs() -> list[Path]:
    """Return every catalogue of this project, compiled or not."""
    return sorted(po for folder in own_apps().values() for po in folder.glob("locale/*/LC_MESSAGES/*.po"))


def update(found: dict[tuple[str, str], list[Message]]) -> list[Path]:
    """Write what was found into the catalogues, keeping every translation; returns the files that changed.

    A new string takes the translation that another app already has for it. A string that is no longer said is
    kept as obsolete where it was translated, else it goes.
    """
    changed = []
    for locale in target_locales():
        known = _known_translations(locale)
        for (app, domain), messages in found.items():
            path = catalog_path(app, locale, domain)
            before = path.read_text(encoding="utf-8") if path.is_file() else ""
            catalog = _merge(polib.pofile(before or _header(locale), wrapwidth=100), messages, known)
            after = str(catalog).rstrip("\n") + "\n"
            if after != before:
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(after, encoding="utf-8")
                changed.append(path)
    return changed


def compile_all() -> list[Path]:
    """Write a .mo beside every .po that is newer; returns those written."""
    written = []
    for path in list_catalogs():
        target = path.with_suffix(".mo")
        if not target.is_file() or target.stat().st_mtime_ns < path.stat().st_mtime_ns:
            polib.pofile(str(path)).save_as_mofile(str(target))
            written.append(target)
    return written


def check(found: dict[tuple[str, str], list[Message]]) -> list[Fault]:
    """Return every fault: strings without a translation, fuzzy ones, lost placeholders, two wordings for one."""
    faults: list[Fault] = []
    for locale in target_locales():
        for (app, domain), messages in found.items():
            path = catalog_path(app, locale, domain)
            catalog = polib.pofile(str(path)) if path.is_file() else polib.POFile()
            entries = {(entry.msgctxt, entry.msgid): entry for entry in catalog if not entry.obsolete}
            name = path.relative_to(ROOT).as_posix()
            for message in messages:
                faults += _faults(name, message, entries.get(message.key))
        faults += _conflicts(locale)
    return faults


def _header(locale: str) -> str:
    plural = PLURALS.get(locale, "nplurals=2; plural=(n != 1);")
    fields = {
        "MIME-Version": "1.0",
        "Content-Type": "text/plain; charset=utf-8",
        "Content-Transfer-Encoding": "8bit",
        "Language": locale,
        "Plural-Forms": plural,
    }
    return 'msgid ""\nmsgstr ""\n' + "".join(f'"{name}: {value}\\n"\n' for name, value in fields.items())


def _known_translations(locale: str) -> dict[tuple[str | None, str], polib.POEntry]:
    known: dict[tuple[str | None, str], polib.POEntry] = {}
    for path in list_catalogs():
        if path.parent.parent.name == locale:
            for entry in polib.pofile(str(path)):
                if entry.translated() and not entry.obsolete:
                    known.setdefault((entry.msgctxt, entry.msgid), entry)
    return known


def _merge(
    catalog: polib.POFile, messages: list[Message], known: dict[tuple[str | None, str], polib.POEntry]
) -> polib.POFile:
    """Return a catalogue in the order of ``messages``, obsolete translations at its end."""
    merged = polib.POFile(wrapwidth=100)
    merged.metadata = catalog.metadata
    present = {(entry.msgctxt, entry.msgid): entry for entry in catalog}
    for message in messages:
        entry = present.pop(message.key, None) or polib.POEntry(msgid=message.msgid, msgctxt=message.context)
        entry.obsolete = False
        entry.occurrences = [(file, "") for file in sorted(message.files)]
        entry.comment = "\n".join(message.comments)
        entry.flags = [flag for flag in entry.flags if flag != "python-format"]
        if re.search(r"%\(\w+\)|%[sd]", message.msgid):
            entry.flags.append("python-format")
        if message.plural:
            entry.msgid_plural = message.plural
            entry.msgstr_plural = entry.msgstr_plural or {0: entry.msgstr}
            entry.msgstr = ""
        elif not entry.translated() and message.key in known:
            entry.msgstr = known[message.key].msgstr
        merged.append(entry)
    for entry in present.values():
        if entry.translated() or entry.obsolete:
            entry.obsolete, entry.occurrences = True, []
            merged.append(entry)
    return merged


def _faults(name: str, message: Message, entry: polib.POEntry | None) -> Iterator[Fault]:
    if entry is None or not (entry.msgstr or any(entry.msgstr_plural.values())):
        yield Fault(name, "missing", message.msgid)
        return
    if entry.fuzzy:
        yield Fault(name, "fuzzy", message.msgid)
    wanted = set(_PLACEHOLDER.findall(message.plural or message.msgid))
    for said in [entry.msgstr] if entry.msgstr else entry.msgstr_plural.values():
        if set(_PLACEHOLDER.findall(said)) != wanted:
            yield Fault(name, "placeholder", message.msgid)


def _conflicts(locale: str) -> Iterable[Fault]:
    """Two apps that word one string differently: Django would show one of the two everywhere."""
    said: dict[tuple[str, str | None, str], tuple[str, str]] = {}
    for path in list_catalogs():
        if path.parent.parent.name != locale:
            continue
        name = path.relative_to(ROOT).as_posix()
        for entry in polib.pofile(str(path)):
            if entry.obsolete or not entry.msgstr:
                continue
            first = said.setdefault((path.stem, entry.msgctxt, entry.msgid), (name, entry.msgstr))
            if first[1] != entry.msgstr:
                yield Fault(name, "conflict", f"{entry.msgid}: {entry.msgstr} here, {first[1]} in {first[0]}")
