"""The generated attack: strangers, neighbours of another part of the plant, and lower roles get and change nothing.

``make isolation`` writes what was tried, and what came of it, to var/isolation.md: a file to show to a buyer.
"""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from rest_framework.test import APIClient

from forgeline.assets import services as assets
from forgeline.identity.keys import make_key
from forgeline.identity.models import Membership
from forgeline.identity.policy import Actor, actor_scope, permissions_of
from forgeline.identity.queries import actor_of_member, list_memberships
from forgeline.realtime.topics import list_kinds, may_listen
from forgeline.telemetry import ingest
from forgeline.tenancy.scoping import tenant_scope
from tests.api.world import MARK, OPERATIONS, World, make_world
from tests.conftest import Company
from tests.isolation.attack import Probe, list_pages, list_probes

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]
"""Every endpoint, page and filter as each kind of stranger: hundreds of requests a test."""

OWN = {"/i18n/setlang/", "/sign-out/"}
"""Change nothing but the asker's own session."""
MOVING = (
    "/audit/",
    "/me/",
    "/api-keys/",
    "/alarm-analysis/",
    "/alarm-bad-actors/",
    "/maintenance-kpis/",
    "/maintenance-effect/",
    "/model-runs/progress/",
)
"""Tell of now, or of the asking itself."""
SHARED = ("/api/v1/downtime-reasons/",)
"""The company's vocabulary: whoever is limited to a part of the plant reads it and changes nothing."""
REPORT = os.environ.get("FORGELINE_ISOLATION_REPORT", "")


@dataclass
class Tally:
    """What one attacker tried, and got."""

    answers: Counter[tuple[str, int]] = field(default_factory=Counter)
    leaks: list[str] = field(default_factory=list)


TALLIES: dict[str, Tally] = {}


@pytest.fixture(scope="module", autouse=True)
def _report() -> Iterator[None]:
    yield
    if REPORT:
        Path(REPORT).write_text(_words(), encoding="utf-8")


@pytest.fixture(autouse=True)
def _fresh_ingest() -> Iterator[None]:
    """A posted sample starts the store's keeper; it must not outlive the test."""
    yield
    ingest.reset()


@pytest.fixture
def world(live_company: Company) -> World:
    return make_world(live_company, _by_key(live_company.manager_key))


@pytest.fixture
def elsewhere(live_company: Company) -> str:
    """The path of another plant of the same company."""
    with tenant_scope(live_company.tenant_id):
        site = assets.create_site(name="Other works")
        return f"/{site.pk}/"


def _by_key(key: str) -> Any:
    return APIClient(headers={"Authorization": f"Bearer {key}"}, raise_request_exception=False)


def _by_session(user: Any) -> Any:
    client = APIClient(raise_request_exception=False)
    client.force_login(user)
    return client


def _boss(company: Company) -> Actor:
    return Actor(
        company.tenant_id,
        "owner",
        user_id=company.manager.pk,
        label="Alice",
        permissions=permissions_of("owner"),
    )


def _attack(name: str, client: Any, probes: list[Probe]) -> Tally:
    """Send every probe; a leak is the company's mark in an answer, a server error, or a success on a thing of it."""
    tally = TALLIES.setdefault(name, Tally())
    for probe in probes:
        if probe.address in OWN:
            continue
        send = getattr(client, probe.method)
        if probe.kind == "page" and probe.method == "post":
            answer = send(probe.address, probe.body, format="multipart")
        else:
            answer = (
                send(probe.address) if probe.body is None else send(probe.address, probe.body, format="json")
            )
        body = b"".join(answer.streaming_content) if answer.streaming else answer.content
        tally.answers[probe.kind, answer.status_code] += 1
        told = f"{probe.method} {probe.address}: {answer.status_code}"
        if MARK.encode() in body:
            tally.leaks.append(f"{told} shows {MARK}")
        elif answer.status_code >= 500:
            tally.leaks.append(f"{told} breaks")
        elif probe.names_one and answer.status_code < 300:
            tally.leaks.append(f"{told} succeeds")
    return tally


def _possessions(company: Company) -> dict[str, Any]:
    """All that the company's own manager can read, to see that nothing has changed."""
    client = _by_key(company.manager_key)
    found = {}
    for method, path in OPERATIONS:
        if method == "get" and "{" not in path and not path.endswith(MOVING):
            answer = client.get(path)
            found[path] = answer.json() if answer.status_code == 200 else answer.status_code
    return json.loads(json.dumps(found))  # type: ignore[no-any-return]


def _topics(world: World, company: Company) -> dict[str, str]:
    return {
        "asset": str(world.machine), "branch": str(world.machine), "point": str(world.point),
        "alarms": str(company.tenant_id), "bell": str(world.person),
    }  # fmt: skip


def test_every_kind_of_topic_is_attacked(world: World, live_company: Company) -> None:
    assert set(_topics(world, live_company)) == set(list_kinds())


@pytest.mark.parametrize("by", ["key", "session"])
def test_a_stranger_gets_nothing(
    live_company: Company, live_stranger: Company, world: World, by: str
) -> None:
    before = _possessions(live_company)
    client = _by_key(live_stranger.manager_key) if by == "key" else _by_session(live_stranger.manager)
    tally = _attack(f"a manager of another company, by {by}", client, list_probes(world, {}))
    assert tally.leaks == []
    assert _possessions(live_company) == before
    (membership,) = list_memberships(live_stranger.manager.pk)
    actor = actor_of_member(membership, user_id=live_stranger.manager.pk)
    with actor_scope(actor):
        heard = [
            f"{kind}.{i}"
            for kind, i in _topics(world, live_company).items()
            if may_listen(actor, f"{kind}.{i}")
        ]
    assert heard == []


@pytest.mark.parametrize("by", ["key", "session"])
def test_a_neighbour_of_another_part_of_the_plant_gets_nothing(
    live_company: Company, world: World, elsewhere: str, by: str
) -> None:
    with tenant_scope(live_company.tenant_id):
        Membership.objects.filter(user=live_company.viewer).update(role="manager", branches=[elsewhere])
        _row, key = make_key(name="x", role="manager", branches=[elsewhere], actor=_boss(live_company))
    before = _possessions(live_company)
    client = _by_key(key) if by == "key" else _by_session(live_company.viewer)
    # Messages are addressed to people, and what a bell has rung for its owner is the owner's.
    probes = [
        probe for probe in list_probes(world, {})
        if not (by == "session" and probe.address.startswith(("/notifications/", "/api/v1/bell/")))
        and not (probe.method == "get" and probe.address.startswith(SHARED))
    ]  # fmt: skip
    tally = _attack(f"a manager of another plant of the company, by {by}", client, probes)
    assert tally.leaks == []
    assert _possessions(live_company) == before
    (membership,) = list_memberships(live_company.viewer.pk)
    actor = actor_of_member(membership, user_id=live_company.viewer.pk)
    with actor_scope(actor):
        topics = _topics(world, live_company)
        assert not any(may_listen(actor, f"{kind}.{topics[kind]}") for kind in ("asset", "branch", "point"))


@pytest.mark.parametrize("by", ["key", "session"])
def test_a_viewer_changes_nothing(live_company: Company, world: World, by: str) -> None:
    before = _possessions(live_company)
    client = _by_key(live_company.viewer_key) if by == "key" else _by_session(live_company.viewer)
    own = ("/api/v1/bell/", "/api/v1/preferences/", "/notifications/")
    probes = [
        probe for probe in list_probes(world, {})
        if probe.method != "get" and not probe.address.startswith(own)
    ]  # fmt: skip
    tally = TALLIES.setdefault(f"a viewer of the company, by {by}", Tally())
    for probe in probes:
        if probe.address in OWN:
            continue
        shape = "multipart" if probe.kind == "page" else "json"
        answer = getattr(client, probe.method)(probe.address, probe.body, format=shape)
        tally.answers[probe.kind, answer.status_code] += 1
        if answer.status_code < 300 and probe.kind == "api":
            tally.leaks.append(f"{probe.method} {probe.address} succeeds")
    assert tally.leaks == []
    assert _possessions(live_company) == before


def test_nobody_gets_nothing(live_company: Company, world: World) -> None:
    before = _possessions(live_company)
    client = APIClient(raise_request_exception=False)
    tally = _attack("somebody who is not signed in", client, list_probes(world, {}))
    assert tally.leaks == []
    assert _possessions(live_company) == before


def test_every_table_with_a_tenant_is_walled_and_samples_are_read_by_nobody(db: None) -> None:
    with connection.cursor() as cursor:
        cursor.execute("""
            SELECT c.relname, c.relrowsecurity AND c.relforcerowsecurity FROM pg_class c
            JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = 'tenant_id' AND NOT a.attisdropped
            WHERE c.relkind IN ('r', 'p') AND c.relnamespace = 'public'::regnamespace
        """)
        tables = dict(cursor.fetchall())
        cursor.execute("""
            SELECT c.relname FROM pg_class c
            WHERE c.relkind IN ('r', 'p') AND c.relnamespace = 'public'::regnamespace
              AND c.relname ~ '^telemetry_(sample|text|latest|rollup)'
              AND has_table_privilege('forgeline_app', c.oid, 'SELECT')
        """)
        readable = [name for (name,) in cursor.fetchall()]
    assert len(tables) > 30
    assert [name for name, is_walled in tables.items() if not is_walled] == []
    assert readable == []


def test_the_attack_sees_what_it_looks_for(live_company: Company, world: World) -> None:
    """The counter-test: by the company's own manager the same requests show the name, by API and by pages."""
    probes = [probe for probe in list_probes(world, {}) if probe.method == "get"]
    for client, least in ((_by_key(live_company.manager_key), 40), (_by_session(live_company.manager), 100)):
        shown = [leak for leak in _attack("", client, probes).leaks if leak.endswith(MARK)]
        del TALLIES[""]
        assert len(shown) >= least


def test_pages_are_found() -> None:
    """The walk over the router sees the pages that there are."""
    routes = {route for route, _parameters in list_pages()}
    assert {"company/audit/", "alarms/<int:alarm_id>/", "setup/points/<int:point_id>/"} <= routes
    assert len(routes) > 60


def _words() -> str:
    head = (
        f"Each request was aimed at the things of one company, all of which are called *{MARK}*, with their true ids: "
        f"{len(OPERATIONS)} operations of the API, every filter of every list, {len(list(list_pages()))} pages. "
        "A leak is an answer in which that name stands, a success on a thing that is not the asker's, or anything that "
        "the company's own manager reads differently afterwards. The same requests by that manager find the name in "
        "many places: the attack sees what it looks for."
    )
    lines = ["# Isolation report", "", head, ""]
    lines += [
        "| who asked | requests | refused (401, 403, 404, 405) | other answers | leaks |",
        "|---|---|---|---|---|",
    ]
    for name, tally in TALLIES.items():
        asked = sum(tally.answers.values())
        refused = sum(
            count for (_kind, status), count in tally.answers.items() if status in {401, 403, 404, 405}
        )
        lines.append(f"| {name} | {asked} | {refused} | {asked - refused} | {len(tally.leaks)} |")
        lines += [f"| | | | | {leak} |" for leak in tally.leaks]
    return "\n".join(lines) + "\n"
