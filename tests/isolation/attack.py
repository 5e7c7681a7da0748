"""Everything that can be asked of the house, taken from its router and its description, aimed at one company's things.

Not here: who asks, and what counts as a leak (test_attack).
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from django.urls import URLPattern, URLResolver, get_resolver

from tests.api.world import MARK, World, describe_api

STEM = MARK[:-1]
"""Finds every name of the company, and where an answer repeats the question it is not the name itself."""
OUTSIDE = ("api/", "^api/", "^static/", "static/", "healthz", "readyz", "metrics")
"""Addresses with tests of their own; the API comes from its description."""


@dataclass(frozen=True, slots=True)
class Probe:
    """One request: by whom does not matter yet."""

    kind: str
    """api | page | filter"""
    method: str
    address: str
    body: Any = None
    names_one: bool = False
    """The address holds the id of a thing of the company."""


def list_pages() -> Iterator[tuple[str, dict[str, str]]]:
    """Yield each page's route and its parameters, name → converter."""
    yield from _walk(get_resolver(), "")


def _walk(resolver: Any, prefix: str) -> Iterator[tuple[str, dict[str, str]]]:
    for entry in resolver.url_patterns:
        route = prefix + str(entry.pattern)
        if isinstance(entry, URLResolver):
            yield from _walk(entry, route)
        elif isinstance(entry, URLPattern) and not route.startswith(OUTSIDE):
            yield route, {name: type(kind).__name__ for name, kind in entry.pattern.converters.items()}


def list_probes(world: World, tokens: dict[str, str]) -> list[Probe]:
    """Return every request. **Raises** KeyError for a route with a parameter that nobody has thought of here."""
    return [*_api(world), *_filters(world), *_pages(world, tokens)]


def _api(world: World) -> Iterator[Probe]:
    for method, path, _parameters in _operations():
        body = (
            None
            if method == "get"
            else json.loads(json.dumps(world.body(method, path)).replace(MARK, "Taken"))
        )
        address = world.address(path)
        if method == "delete" and path.endswith("special-days/"):
            address += "?on=2026-10-10"
        yield Probe("api", method, address, body, "{" in path.replace("{kind}", ""))


def _filters(world: World) -> Iterator[Probe]:
    """Narrow, search and order each list by what only the company knows."""
    for method, path, parameters in _operations():
        if method != "get" or "{" in path:
            continue
        for name in parameters:
            for value in (STEM, str(world.machine), str(world.point), str(world.plant)):
                yield Probe("filter", "get", f"{path}?{name}={value}")


def _operations() -> Iterator[tuple[str, str, list[str]]]:
    for path, item in sorted(describe_api()["paths"].items()):
        for method, operation in sorted(item.items()):
            names = [each["name"] for each in operation.get("parameters", []) if each["in"] == "query"]
            yield method, path, names


def _pages(world: World, tokens: dict[str, str]) -> Iterator[Probe]:
    ids = {
        "asset_id": world.machine, "site_id": world.plant, "point_id": world.point, "alarm_id": world.alarm,
        "trial_id": world.trial, "rule_id": world.rule, "route_id": world.route, "roster_id": world.roster,
        "channel_id": world.channel, "membership_id": world.member, "role_id": world.role,
        "endpoint_id": world.webhook, "device_id": world.device, "waiting_device_id": world.waiting,
        "connection_id": world.connection, "binding_id": world.binding, "invoice_id": world.invoice,
        **world.health.pages(),
        "tenant_id": world.tenant, "announcement_id": world.tenant,
        "job_id": world.job, "file_id": world.file,
    }  # fmt: skip
    words = {
        "profile": "press",
        "kind": "mqtt",
        "uidb64": "MQ",
        "token": "a-token",
        "company": "nobody",
        "form": "csv",
        "key": "machine_pattern",
        **tokens,
    }
    for route, parameters in list_pages():
        address = "/" + route
        for name, converter in parameters.items():
            value = str(ids[name]) if name in ids else words[name]
            tag = {"IntConverter": "int", "StringConverter": "str", "SlugConverter": "slug"}[converter]
            address = address.replace(f"<{tag}:{name}>", value).replace(f"<{name}>", value)
        names_one = any(name in ids for name in parameters)
        yield Probe("page", "get", address, names_one=names_one)
        yield Probe(
            "page", "get", f"{address}?csv&q={STEM}&asset={world.machine}&plant={world.plant}&key=power_high"
        )
        yield Probe(
            "page", "post", address, {"name": "taken over", "asset": world.machine}, names_one=names_one
        )
