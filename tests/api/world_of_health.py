"""One of everything that maintenance has, and a body that each of its write routes would take."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from apps.health.models import Condition, Episode, ModelRun, ModelVersion, Watch, WorkOrder
from apps.health.rules import Line
from apps.health.science.card import ModelCard
from apps.health.services.advisories import open_for_episode
from apps.health.services.orders import make_order
from forgeline.assets.models import Point
from forgeline.assets.models.point import Kind
from forgeline.base import clock
from forgeline.tenancy.scoping import tenant_scope
from tests.conftest import Company

CONTENT = "SnVzdCB3b3Jkcw=="
"""``Just words`` in base64."""


@dataclass(frozen=True, slots=True)
class HealthIds:
    """The ids of one of everything."""

    work_order: int
    check_item: int
    part_use: int
    part: int
    plan: int
    inspection_route: int
    route_item: int
    inspection: int
    document: int
    reason: int
    advisory: int
    condition: int
    version: int
    outlook: int
    run: int

    def own(self) -> dict[str, int]:
        """First word of an address → the id that it asks for."""
        return {
            "work-orders": self.work_order, "spare-parts": self.part, "maintenance-plans": self.plan,
            "inspection-routes": self.inspection_route, "inspections": self.inspection,
            "machine-documents": self.document, "downtime-reasons": self.reason,
            "advisories": self.advisory, "machine-conditions": self.condition,
            "model-versions": self.version, "machine-outlooks": self.outlook,
            "model-runs": self.run,
        }  # fmt: skip

    def pages(self) -> dict[str, int]:
        """Name of a page's parameter → the id."""
        return {
            "work_order_id": self.work_order, "plan_id": self.plan, "part_id": self.part, "file_id": self.document,
            "inspection_route_id": self.inspection_route, "inspection_id": self.inspection,
            "advisory_id": self.advisory, "version_id": self.version,
        }  # fmt: skip

    def bodies(self, *, plant: int, machine: int, mark: str) -> dict[str, Any]:
        """Return a good body for every write route."""
        part = {"plant": plant, "number": "S-2", "name": f"{mark} belt", "stock": "2"}
        plan = {
            "asset": machine, "name": f"{mark} grease", "trigger": "calendar", "every": 1, "every_unit": "month",
            "first_on": "2999-01-05", "checklist": [{"text": "look"}],
        }  # fmt: skip
        route = {"plant": plant, "name": f"{mark} round", "items": [{"asset": machine, "text": "look"}]}
        return {
            "post work-orders/": {"asset": machine, "title": f"{mark} leaks", "priority": "high"},
            "patch work-orders/{id}/": {"remedy": "cleaned", "planned_at": "2026-01-31T08:00:00Z"},
            "post work-orders/{id}/move/": {"to": "cancelled", "text": "x"},
            "post work-orders/{id}/answer/": {"item": self.check_item, "result": "ok"},
            "post work-orders/{id}/labour/": {"minutes": 5},
            "post work-orders/{id}/parts/": {"part": self.part, "quantity": "1"},
            "post work-orders/{id}/put_back/": {"use": self.part_use},
            "post advisories/{id}/order/": None,
            "post model-versions/{id}/train/": None,
            "post advisories/{id}/finding/": {"finding": "confirmed", "note": f"{mark} dry"},
            "post spare-parts/": part,
            "patch spare-parts/{id}/": {"place": "A-1"},
            "delete spare-parts/{id}/": None,
            "post spare-parts/{id}/book/": {"kind": "receipt", "quantity": "1"},
            "post maintenance-plans/": plan,
            "patch maintenance-plans/{id}/": {"lead_days": 5},
            "delete maintenance-plans/{id}/": None,
            "post maintenance-plans/{id}/confirm/": None,
            "post maintenance-plans/adopt/": {"asset": machine},
            "post inspection-routes/": route,
            "patch inspection-routes/{id}/": {"every_hours": 8},
            "delete inspection-routes/{id}/": None,
            "post inspection-routes/{id}/start/": None,
            "post inspections/{id}/answer/": {"item": self.route_item, "result": "ok"},
            "post inspections/{id}/finish/": {"is_broken_off": True},
            "patch machine-records/{id}/": {"severity": 5},
            "post machine-records/{id}/label/": {"is_new": False},
            "post machine-documents/": {"asset": machine, "name": "x.txt", "content": CONTENT},
            "delete machine-documents/{id}/": None,
            "post downtime-reasons/": {"name": f"{mark} tool"},
            "patch downtime-reasons/{id}/": {"is_planned": True},
            "delete downtime-reasons/{id}/": None,
            "patch maintenance-terms/": {"labour_rate": "90.00"},
            "post maintenance-csv/": {"what": "parts", "csv": "plant,number,name\nNowhere,S-9,x\n"},
        }


def make_health(
    company: Company, made: Callable[[str, Any], Any], *, plant: int, machine: int, mark: str
) -> HealthIds:
    """Make one of everything; ``made(path, body)`` posts and returns the answer."""
    part = made("spare-parts/", {"plant": plant, "number": "S-1", "name": f"{mark} seal", "stock": "9"})
    with tenant_scope(company.tenant_id):
        order: WorkOrder = make_order(
            asset_id=machine, title=f"{mark} creaks", by=mark, state="approved", lines=[Line(f"{mark} noise")]
        )
    order_ = made(f"work-orders/{order.pk}/parts/", {"part": part["id"], "quantity": "1"})
    plan: Mapping[str, Any] = made(
        "maintenance-plans/",
        {
            "asset": machine, "name": f"{mark} oil", "trigger": "calendar", "every": 1, "every_unit": "month",
            "first_on": "2999-01-05",
        },
    )  # fmt: skip
    items = [{"asset": machine, "text": f"{mark} leaks"}]
    route = made("inspection-routes/", {"plant": plant, "name": f"{mark} walk", "items": items})
    made(f"machine-records/{machine}/label/", {})
    advisory, condition = make_advisory(company.tenant_id, machine)
    version, outlook = make_version(company.tenant_id, machine, mark=mark)
    document = {"asset": machine, "name": f"{mark}.txt", "content": CONTENT}
    return HealthIds(
        work_order=order.pk,
        check_item=order_["items"][0]["id"],
        part_use=order_["parts"][0]["id"],
        part=part["id"],
        plan=plan["id"],
        inspection_route=route["id"],
        route_item=route["items"][0]["id"],
        inspection=made(f"inspection-routes/{route['id']}/start/", None)["id"],
        document=made("machine-documents/", document)["id"],
        reason=made("downtime-reasons/", {"name": f"{mark} drive"})["id"],
        advisory=advisory,
        condition=condition,
        version=version,
        outlook=outlook,
        run=make_run(company.tenant_id, mark=mark),
    )


def make_advisory(tenant_id: int, machine: int) -> tuple[int, int]:
    """Make an hour of a machine's condition and an episode's advisory, as the worker does."""
    with tenant_scope(tenant_id):
        point = Point.objects.filter(asset_id=machine, kind=Kind.GAUGE).order_by("pk").first()
        assert point is not None
        at = clock.now().replace(minute=0, second=0, microsecond=0)
        told = {str(point.pk): {"score": 7.0, "value": 99.0, "at": at.isoformat()}}
        episode = Episode.objects.create(asset_id=machine, started_at=at, last_at=at, points=told)
        row = open_for_episode(point.asset, episode)
        assert row is not None
        parts = [{"kind": "anomaly", "point": point.pk, "severity": 0.4, "lost": 20.0}]
        hour = Condition.objects.create(
            asset_id=machine, hour=at, index=80.0, known=1.0, parts=parts, created_at=at
        )
        Watch.objects.create(asset_id=machine, ran_at=at, hours=1, cpu_s=0.1, next_hour=at)
    return row.pk, hour.pk


def make_run(tenant_id: int, *, mark: str) -> int:
    """Make a run that ended with a fault."""
    with tenant_scope(tenant_id):
        now = clock.now()
        return ModelRun.objects.create(
            machines=1, due=2, done=1, cpu_s=0.1, started_at=now, worked_at=now, finished_at=now, fault=f"{mark} fault"
        ).pk  # fmt: skip


def make_version(tenant_id: int, machine: int, *, mark: str) -> tuple[int, int]:
    """Make a trained version of a machine's model with its card, and an outlook with an answer and a refusal."""
    with tenant_scope(tenant_id):
        point = Point.objects.filter(asset_id=machine, kind=Kind.GAUGE).order_by("pk").first()
        assert point is not None
        now = clock.now()
        card = ModelCard(
            method="multivariate.t2q", version="1", features=(point.key,), trained_from_us=0, trained_to_us=1, rows=900,
            machines=1, split="time", scores={"false_alarms": 0.01, "found": 0.9},
            trivial={"false_alarms": 0.04, "found": 0.5}, seed=1, settings={"regimes": 2.0},
        )  # fmt: skip
        report = {"state": "stable", "stability": 0.02, "distance": 0.1, "outside": 0.0}
        drift = {"at": now.isoformat(), "state": "stable", "points": {point.key: report}}
        version = ModelVersion.objects.create(
            key="machine_pattern", asset_id=machine, number=1, state="current", card=asdict(card), drift=drift,
            asked_by=mark, asked_at=now, trained_at=now, seconds=1.0,
        )  # fmt: skip
        watch = Watch.objects.get(asset_id=machine)
        way = {"point": point.pk, "limit": 85.0, "level": "H", "is_upper": True}
        watch.trends = [
            way | {
                "expected_s": 1.5e6, "low_s": 1e6, "high_s": 2.6e6, "stands": 70.0, "at_s": now.timestamp(),
                "from_s": now.timestamp() - 1e6, "slope_per_s": 1e-5, "slope_low_per_s": 5e-6,
                "slope_high_per_s": 1.5e-5, "error": 0.4, "still": 2.1,
            },
            way | {"limit": 40.0, "level": "L", "is_upper": False, "reason": "trend_away", "data": {}},
        ]  # fmt: skip
        watch.life = {"reason": "too_few_failures", "data": {"failures": 2, "needed": 10}}
        watch.pattern = {"score": 0.4, "shares": [[point.pk, 1.0]], "version": 1}
        watch.save()
    return version.pk, watch.pk
