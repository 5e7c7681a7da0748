"""Every manifest of the building, checked as a whole: all faults at once, or the process does not start."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module, util
from typing import Any

from django.apps import apps
from django.core.exceptions import ImproperlyConfigured
from django.utils.text import format_lazy
from django.utils.translation import gettext_lazy as _

from forgeline.modules.manifest import (
    EventType,
    FirstStep,
    JobKind,
    MachinePanel,
    Manifest,
    NavigationItem,
    OverviewCard,
)

_MANIFESTS: dict[str, Manifest] = {}
IsOn = Callable[[str], bool]
"""Whether the company in force has a module on; asked of those that can be switched."""


def _always(_key: str) -> bool:
    return True


_OF_RECORDS: dict[str, tuple[Any, dict[str, Any]]] = {
    "made": (_("made"), {"name": [None, "Press 7"]}),
    "changed": (_("changed"), {"name": ["Press 6", "Press 7"]}),
    "removed": (_("removed"), {"name": ["Press 7", None]}),
}


def load() -> None:
    """Read ``module.MANIFEST`` of every installed part that has one. **Raises** ImproperlyConfigured with a list."""
    _MANIFESTS.clear()
    faults: list[str] = []
    for config in apps.get_app_configs():
        if util.find_spec(f"{config.name}.module") is None:
            continue
        manifest = getattr(import_module(f"{config.name}.module"), "MANIFEST", None)
        if not isinstance(manifest, Manifest):
            faults.append(f"{config.name}.module has no MANIFEST.")
            continue
        faults += _faults_of(manifest, config.name)
        _MANIFESTS[manifest.key] = manifest
    if faults:
        raise ImproperlyConfigured("The building does not fit together: " + " ".join(faults))


def _faults_of(manifest: Manifest, where: str) -> list[str]:
    faults = []
    if manifest.key in _MANIFESTS:
        faults.append(f"{where}: the key {manifest.key} is taken.")
    events = [event.key for event in manifest.events]
    of_kinds = [each for names in manifest.kind_permissions.values() for each in names]
    named = [
        *manifest.permissions,
        *of_kinds,
        *manifest.entitlements,
        *manifest.metrics,
        *manifest.records,
        *events,
        *(step.key for step in manifest.first_steps),
        *(kind.key for kind in manifest.jobs),
    ]
    named += [each for each in manifest.features if each != manifest.key]
    faults += [
        f"{where}: {name} must begin with {manifest.key}."
        for name in named
        if not name.startswith(manifest.key + ".")
    ]
    known = set(manifest.permissions)
    faults += [
        f"{where}: {permission} is limited to branches and not declared."
        for permission in manifest.branch_permissions
        if permission not in known
    ]
    shown: list[OverviewCard | MachinePanel] = [*manifest.overview_cards, *manifest.machine_panels]
    faults += [
        f"{where}: {piece.key} names the unknown permission {piece.permission}."
        for piece in shown
        if piece.permission not in known
    ]
    for item in manifest.navigation:
        if item.permission not in known and item.permission not in of_kinds:
            faults.append(
                f"{where}: navigation {item.url_name} names the unknown permission {item.permission}."
            )
    return faults


def list_manifests() -> list[Manifest]:
    """Return the manifests in the order of INSTALLED_APPS."""
    return list(_MANIFESTS.values())


def list_permissions() -> list[str]:
    """Return every permission that any part declares."""
    return [permission for manifest in _MANIFESTS.values() for permission in manifest.permissions]


def list_branch_permissions() -> list[str]:
    """Return the permissions that whoever is limited to branches of the plant may have."""
    return [permission for manifest in _MANIFESTS.values() for permission in manifest.branch_permissions]


def list_kind_permissions(kind: str) -> list[str]:
    """Return the permissions that only people of one kind of company have."""
    return [each for manifest in _MANIFESTS.values() for each in manifest.kind_permissions.get(kind, ())]


def list_features() -> dict[str, Any]:
    """Return what can be switched off for one company: the switchable modules and the named features, key → title."""
    found = {manifest.key: manifest.title for manifest in _MANIFESTS.values() if manifest.is_switchable}
    return found | {
        key: title for manifest in _MANIFESTS.values() for key, title in manifest.features.items()
    }


def list_open_paths() -> list[str]:
    """Return the beginnings of addresses that stay open to a company that has not paid."""
    return [path for manifest in _MANIFESTS.values() for path in manifest.open_paths]


def list_records() -> dict[str, Any]:
    """Return what people make, change and remove: key → title."""
    return {key: title for manifest in _MANIFESTS.values() for key, title in manifest.records.items()}


def list_events() -> list[EventType]:
    """Return every event that a part declares, and three for each of its records."""
    found = [event for manifest in _MANIFESTS.values() for event in manifest.events]
    for key, title in list_records().items():
        for ending, (word, changes) in _OF_RECORDS.items():
            example = {"id": 42, "name": "Press 7", "changes": changes, "by": "Wang"}
            found.append(EventType(f"{key}.{ending}", format_lazy("{} {}", title, word), example))
    return found


def list_messages() -> dict[str, Any]:
    """Return the kinds of messages that people are sent, key → title."""
    return {key: title for manifest in _MANIFESTS.values() for key, title in manifest.messages.items()}


def list_switchable() -> list[Manifest]:
    """Return the modules that a company switches on and off."""
    return [manifest for manifest in _MANIFESTS.values() if manifest.is_switchable]


def is_switchable(key: str) -> bool:
    """Say whether a key is that of a module which a company switches on and off."""
    manifest = _MANIFESTS.get(key)
    return manifest is not None and manifest.is_switchable


def list_navigation(is_on: IsOn = _always) -> list[NavigationItem]:
    """Return the navigation entries of the modules that are on, by section and order."""
    return sorted(
        (item for m in _shown(is_on) for item in m.navigation), key=lambda item: (item.section, item.order)
    )


def list_first_steps(is_on: IsOn = _always) -> list[FirstStep]:
    """Return the steps of a company's first hour in order."""
    return sorted((step for m in _shown(is_on) for step in m.first_steps), key=lambda step: step.order)


def list_overview_cards(is_on: IsOn = _always) -> list[OverviewCard]:
    """Return the cards of the plant overview in order."""
    return sorted((card for m in _shown(is_on) for card in m.overview_cards), key=lambda card: card.order)


def list_machine_panels(is_on: IsOn = _always) -> list[MachinePanel]:
    """Return the panels of the machine page in order."""
    return sorted((panel for m in _shown(is_on) for panel in m.machine_panels), key=lambda panel: panel.order)


def list_job_kinds() -> list[JobKind]:
    """Return every kind of job."""
    return [kind for manifest in _MANIFESTS.values() for kind in manifest.jobs]


def find_job_kind(key: str) -> JobKind | None:
    """Return a kind of job, or None for one whose part of the building is gone."""
    return next((kind for kind in list_job_kinds() if kind.key == key), None)


def _shown(is_on: IsOn) -> list[Manifest]:
    return [m for m in _MANIFESTS.values() if not m.is_switchable or is_on(m.key)]
