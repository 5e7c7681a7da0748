"""The manifest: what a module or wing brings. Pure declarations; nothing is queried or imported here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

MODELS_QUEUE = "models"
"""The queue of tasks that take seconds to minutes; a worker of its own serves it, so that no short task waits."""


@dataclass(frozen=True, slots=True)
class NavigationItem:
    """One entry of the side bar."""

    title: Any
    """A lazy translation."""
    url_name: str
    permission: str
    section: str = "plant"
    """plant | modules | intake | company | operator"""
    order: int = 100


@dataclass(frozen=True, slots=True)
class EventType:
    """Something that other programs can be told of."""

    key: str
    """``alarms.alarm.raised``"""
    title: Any
    example: Mapping[str, Any]
    """What stands in ``data``."""


@dataclass(frozen=True, slots=True)
class JobKind:
    """Work that takes longer than a request."""

    key: str
    """``transfer.samples``"""
    title: Any
    permission: str
    """Who has it may ask for the work, sees it and fetches its files."""
    run: str
    """Dotted path of ``f(work)``, a generator of ``jobs.working.Step`` that returns the result."""
    may_stop: bool = True
    """False: once begun it is gone through with, and tried again until it succeeds."""


@dataclass(frozen=True, slots=True)
class OverviewCard:
    """A card that a wing puts on the plant overview: a template and the function that gives its context."""

    key: str
    template: str
    context: str
    """Dotted path of ``f(actor) -> dict | None``; None leaves the card out."""
    permission: str
    order: int = 100


@dataclass(frozen=True, slots=True)
class Figure:
    """One number of the service's health, over all companies."""

    title: Any
    value: str
    tone: str = ""
    """One of the states of pages: ``running`` for well, ``setup`` for soon, ``down`` for now; '' for a mere fact."""
    note: str = ""


@dataclass(frozen=True, slots=True)
class FirstStep:
    """A step of a company's first hour."""

    key: str
    title: Any
    text: Any
    """A sentence: what it brings."""
    button: Any
    is_done: str
    """Dotted path of ``f() -> bool``, asked in the company's scope."""
    leads: str
    """Dotted path of ``f() -> str``: the address where it is done."""
    permission: str
    order: int = 100
    is_wanted: str = ""
    """Dotted path of ``f() -> bool``; the step is left out where it says no."""


@dataclass(frozen=True, slots=True)
class MachinePanel:
    """A panel that a wing puts on the machine page: a template and the function that gives its context."""

    key: str
    template: str
    context: str
    """Dotted path of ``f(actor, asset) -> dict | None``; None leaves the panel out."""
    permission: str
    order: int = 100


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a part of the building is called, needs and gives. Keys are dotted and begin with ``key``."""

    key: str
    title: Any
    permissions: Sequence[str] = ()
    branch_permissions: Sequence[str] = ()
    """Those of them that mean something for a branch of the plant alone; whoever is limited to one has no other."""
    kind_permissions: Mapping[str, Sequence[str]] = field(default_factory=dict)
    """Kind of company → permissions that nobody has anywhere else: ``{"operator": ("identity.operate",)}``."""
    entitlements: Sequence[str] = ()
    metrics: Sequence[str] = ()
    records: Mapping[str, Any] = field(default_factory=dict)
    """What people make, change and remove, ``assets.point`` → its title: audited, and told to other programs."""
    events: Sequence[EventType] = ()
    """What else happens that other programs can be told of."""
    messages: Mapping[str, Any] = field(default_factory=dict)
    """Kind of message to people, ``alarm.raised`` → its title: routes choose by it."""
    navigation: Sequence[NavigationItem] = ()
    overview_cards: Sequence[OverviewCard] = ()
    machine_panels: Sequence[MachinePanel] = ()
    beat: Mapping[str, float] = field(default_factory=dict)
    """Celery task → seconds between its runs; beat has the worker do them."""
    long_tasks: Sequence[str] = ()
    """Celery tasks, ``health.train_*``, that go to MODELS_QUEUE."""
    enum_names: Mapping[str, str] = field(default_factory=dict)
    """Name in the OpenAPI description → dotted path of the choices, where two fields of one name have others."""
    first_steps: Sequence[FirstStep] = ()
    jobs: Sequence[JobKind] = ()
    profile_sections: dict[str, str] = field(default_factory=dict)
    """Section of a device profile → dotted path of the function that validates it: ``f(section) -> list of faults``."""
    urls: str = ""
    """Dotted path of the pages' URL list, mounted under ``/<key>/``."""
    api_urls: str = ""
    """Dotted path of the API's URL list, mounted under ``/api/v1/``."""
    open_paths: Sequence[str] = ()
    """Beginnings of addresses that stay open to a company that has not paid."""
    features: Mapping[str, Any] = field(default_factory=dict)
    """What the operator may switch off for one company, ``webhooks`` or ``identity.partners`` → its title."""
    figures: str = ""
    """Dotted path of ``f() -> list[Figure]``: how this part of the service fares, for the operator's console."""
    is_switchable: bool = False
    """True for a module that a company switches on and off (decision 0015)."""
