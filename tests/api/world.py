"""One of everything that the API can name, of one company, and a body that each write route would take.

Not here: who asks for it (test_stranger), what a route does with it (test_plant and its neighbours).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from functools import cache
from typing import Any

from django.db import transaction
from drf_spectacular.generators import SchemaGenerator
from rest_framework.test import APIClient

from forgeline.base import clock
from forgeline.billing import console
from forgeline.entitlements import rights
from tests.api.conftest import make_machine
from tests.api.world_of_health import HealthIds, make_health
from tests.api.world_rows import (
    MARK,
    RULE,
    make_alarm,
    make_delivery,
    make_invoice,
    make_job,
    make_partner_grant,
    make_report,
    make_sso,
    make_waiting,
)
from tests.conftest import Company, name_kind

__all__ = ["MARK", "RULE", "World", "make_world"]

WRITES = ("post", "put", "patch", "delete")
FOR_THE_OPERATOR = "/api/v1/operator/"
"""Asked by the operator of the service alone; no manager of a company has it."""


@cache
def describe_api() -> dict[str, Any]:
    """Return the OpenAPI description, made once: it takes a third of a second."""
    schema: dict[str, Any] = SchemaGenerator().get_schema(request=None, public=True)  # type: ignore[no-untyped-call]
    return schema


def list_operations() -> list[tuple[str, str]]:
    """Return (method, address with its placeholders) of every operation of the OpenAPI description."""
    return sorted(
        (method, path)
        for path, item in describe_api()["paths"].items()
        for method in item
        if method in {"get", *WRITES}
    )


OPERATIONS = list_operations()


def _kind_that_asks(path: str) -> str:
    """Of a company that may; '' where every kind may."""
    if path.startswith(FOR_THE_OPERATOR):
        return "operator"
    return "partner" if path == "/api/v1/customers/" else ""


def operations_in_turn(company: Company, operations: list[tuple[str, str]]) -> Iterator[tuple[str, str]]:
    """Yield operations, with the company being of the kind that may ask: first those of every kind."""
    for method, path in sorted(operations, key=lambda each: (_kind_that_asks(each[1]), each)):
        if kind := _kind_that_asks(path):
            name_kind(company.tenant_id, kind)
        yield method, path


@dataclass(frozen=True, slots=True)
class World:
    """The ids of one of everything."""

    plant: int
    line: int
    machine: int
    point: int
    device: int
    credential: int
    connection: int
    binding: int
    waiting: int
    shift: int
    api_key: int
    member: int
    invitation: int
    role: int
    webhook: int
    webhook_delivery: int
    channel: int
    roster: int
    route: int
    delivery: int
    person: int
    rule: int
    alarm: int
    trial: int
    report: int
    invoice: int
    health: HealthIds
    sso_identity: int
    partner_grant: int
    tenant: int
    job: int
    file: int
    upload: int

    def address(self, path: str) -> str:
        """Fill an address of the description with the ids of the right kind."""
        kinds = {
            "plants": self.plant, "assets": self.machine, "points": self.point, "devices": self.device,
            "connections": self.connection, "waiting-devices": self.waiting, "api-keys": self.api_key,
            "channels": self.channel, "rosters": self.roster, "routes": self.route, "deliveries": self.delivery,
            "alarm-rules": self.rule, "alarms": self.alarm, "alarm-trials": self.trial,
            "alarm-reports": self.report, "members": self.member, "invitations": self.invitation,
            "roles": self.role, "webhooks": self.webhook, "webhook-deliveries": self.webhook_delivery,
            "invoices": self.invoice, "machine-records": self.machine, "sso-identities": self.sso_identity,
            "partner-grants": self.partner_grant, "jobs": self.job, "uploads": self.upload, **self.health.own(),
        }  # fmt: skip
        own = kinds.get(path.removeprefix("/api/v1/").split("/")[0], 0)
        named = {
            "id": own, "plant_id": self.plant, "shift_id": self.shift, "binding_id": self.binding,
            "credential_id": self.credential, "job_id": self.job, "file_id": self.file, "kind": "devices",
            "tenant_id": self.tenant, "invoice_id": self.invoice,
        }  # fmt: skip
        return path.format(**named)

    def body(self, method: str, path: str) -> Any:
        """Return what the route would take from its own company. **Raises** KeyError for a route nobody thought of."""
        return self.bodies()[f"{method} {path.removeprefix('/api/v1/')}"]

    def bodies(self) -> dict[str, Any]:
        """Return a good body for every write route."""
        options = {"url": "mqtt://127.0.0.1:1"}
        shift = {"name": f"{MARK} late", "starts_at": "14:00", "ends_at": "22:00", "weekdays": [1]}
        return {
            "post api-keys/": {"name": "robot", "role": "viewer"},
            "delete api-keys/{id}/": None,
            "post api-keys/{id}/rotate/": {"overlap_hours": 1},
            "patch members/{id}/": {"role": "operator", "branches": []},
            "post members/{id}/deactivate/": None,
            "post members/{id}/reactivate/": None,
            "post invitations/": {"email": "guest@example.com", "role": "viewer"},
            "delete invitations/{id}/": None,
            "post roles/": {"name": f"{MARK} auditor", "copy_of": "viewer"},
            "patch roles/{id}/": {"permissions": ["assets.view"]},
            "delete roles/{id}/": None,
            "post partner-grants/": {
                "partner": "machines",
                "role": "viewer",
                "expires_at": (clock.now() + timedelta(days=7)).isoformat(),
            },
            "delete partner-grants/{id}/": None,
            "post partner-belongings/": {"thing": f"webhooks:{self.webhook}"},
            "post plants/": {"name": f"{MARK} two", "zone": "Asia/Shanghai"},
            "patch plants/{id}/": {"name": f"{MARK} three"},
            "delete plants/{id}/": None,
            "post plants/{plant_id}/holidays/": {"year": 2026},
            "post plants/{plant_id}/shifts/": shift,
            "put plants/{plant_id}/shifts/{shift_id}/": shift,
            "delete plants/{plant_id}/shifts/{shift_id}/": None,
            "put plants/{plant_id}/special-days/": {"on": "2026-10-10", "is_working": True, "name": "x"},
            "delete plants/{plant_id}/special-days/": None,
            "put sso/": {
                "discovery_url": "https://1.1.1.1/",
                "client_id": "x",
                "secret": "y",
                "domains": ["example.com"],
            },
            "delete sso/": None,
            "post sso/check/": {"discovery_url": "https://1.1.1.1/"},
            "post sso/domains/check/": None,
            "delete sso-identities/{id}/": None,
            "post webhooks/": {"name": f"{MARK} two", "url": "https://1.1.1.1/hook", "events": ["alarms.*"]},
            "patch webhooks/{id}/": {"name": f"{MARK} three"},
            "delete webhooks/{id}/": None,
            "post webhooks/{id}/rotate/": None,
            "post webhooks/{id}/ping/": None,
            "post webhooks/{id}/replay/": {"since": "2026-01-01T00:00:00Z"},
            "post plants/bulk/": {"rows": [{"name": f"{MARK} four", "zone": "Asia/Shanghai"}]},
            "post assets/bulk/": {"rows": [{"id": self.machine, "name": "Press 3"}]},
            "post devices/bulk/": {"rows": [{"key": "meter-8", "asset": self.machine}]},
            "post points/bulk/": {"rows": [{"id": self.point, "name": "Extra"}]},
            "post assets/": {"plant": self.plant, "level": "area", "name": "Annex"},
            "patch assets/{id}/": {"name": "Press 2"},
            "delete assets/{id}/": None,
            "post devices/": {"key": "meter-9", "asset": self.machine},
            "patch devices/{id}/": {"name": "Meter"},
            "delete devices/{id}/": None,
            "post devices/{id}/credentials/": None,
            "delete devices/{id}/credentials/{credential_id}/": None,
            "post points/": {"asset": self.machine, "key": "extra", "unit": "bar"},
            "patch points/{id}/": {"name": "Extra"},
            "delete points/{id}/": None,
            "post connections/": {"kind": "mqtt", "name": f"{MARK} two", "options": options},
            "patch connections/{id}/": {"name": f"{MARK} three"},
            "delete connections/{id}/": None,
            "post connections/{id}/enable/": None,
            "post connections/{id}/disable/": None,
            "post connections/{id}/bindings/": [{"address": "a|b", "point": self.point}],
            "delete connections/{id}/bindings/{binding_id}/": None,
            "post connections/test/": {"kind": "mqtt", "options": options, "connection": self.connection},
            "post waiting-devices/{id}/adopt/": {},
            "post waiting-devices/{id}/ignore/": None,
            "post samples/": {"point": [self.point], "ts": [None], "value": [1.0]},
            "put retention/": {"raw_days": None},
            "patch subscription/": {"title": f"{MARK} Holding"},
            "post subscription/quote/": {"plan": "professional", "period": "year", "at_once": True},
            "post subscription/change/": {"plan": "professional", "period": "year", "at_once": True},
            "post subscription/cancellation/": None,
            "put modules/": {"module": "health", "is_on": True},
            **self.health.bodies(plant=self.plant, machine=self.machine, mark=MARK),
            **self._of_messages(),
            **self._of_alarms(),
            **self._of_transfer(),
            **self._of_the_operator(),
        }

    def _of_the_operator(self) -> dict[str, Any]:
        now = clock.now()
        today = f"{now:%Y-%m-%d}"
        rates = dict.fromkeys(console.RATES, "0.5")
        said = {"en": f"{MARK} is being serviced", "zh-hans": f"{MARK} 维护"}
        one = "operator/tenants/{tenant_id}/"
        return {
            f"post {one}plan/": {"plan": "professional", "period": "year", "at_once": True},
            f"post {one}trial/": {"currency": "CNY"},
            f"post {one}cancellation/": None,
            f"post {one}corrections/": {"invoice": self.invoice, "reason": f"{MARK} twice"},
            f"post {one}payments/": {"invoice": self.invoice, "reference": f"{MARK} 1", "paid_on": today},
            f"put {one}switches/": {"feature": "webhooks", "is_on": False},
            f"put {one}partner/": {"is_partner": True},
            "put operator/seller/": {"title": f"{MARK} Service", "bank": {"CNY": "ICBC 6222"}},
            "put operator/unit-costs/": {"currency": "CNY", **rates},
            "post operator/announcements/": {
                "texts": said, "from_at": now.isoformat(), "to_at": (now + timedelta(days=1)).isoformat(),
            },
            "delete operator/announcements/{id}/": None,
        }  # fmt: skip

    def _of_transfer(self) -> dict[str, Any]:
        span = {"since": "2026-01-01T00:00:00Z", "until": "2026-02-01T00:00:00Z"}
        return {
            "post uploads/": {"name": f"{MARK} two.csv"},
            # Bytes, not JSON; the bodies have tests of their own (tests/jobs).
            "put uploads/{id}/": None,
            "delete uploads/{id}/": None,
            "post jobs/{id}/cancel/": None,
            "delete jobs/{id}/": None,
            "post imports/{kind}/": {"upload": self.upload},
            "post sample-imports/": {"upload": self.upload},
            "post sample-exports/": {"points": [self.point], **span},
            # For owners in person; tried in tests/transfer.
            "post company-archive/": None,
            "post company-erasure/": None,
            "delete company-erasure/": None,
        }

    def _of_alarms(self) -> dict[str, Any]:
        answer = {"alarms": [self.alarm], "text": "seen"}
        rule = {"asset": self.machine, "key": "power_high", "definition": RULE}
        return {
            "post alarm-rules/": rule,
            "post alarm-rules/check/": rule,
            "post alarm-rules/move_limit/": {"asset": self.machine, "key": "power_high", "limit": 70},
            "post alarm-rules/{id}/roll_back/": {"number": 1},
            "delete alarm-rules/{id}/": None,
            "post alarm-trials/": {**rule, "days": 30},
            "delete alarm-trials/{id}/": None,
            "post alarms/acknowledge/": answer,
            "post alarms/shelve/": {**answer, "minutes": 30},
            "post alarms/unshelve/": answer,
            "post alarms/put_out_of_service/": answer,
            "post alarms/return_to_service/": answer,
            "post alarms/comment/": answer,
            "post alarms/assign/": {**answer, "user": self.person},
        }

    def _of_messages(self) -> dict[str, Any]:
        mailbox = {"name": f"{MARK} mail", "kind": "email", "address": "hall@example.com"}
        roster = {"name": f"{MARK} nights", "entries": [{"user": self.person, "weekdays": [1, 2]}]}
        return {
            "post channels/": mailbox,
            "patch channels/{id}/": {"name": f"{MARK} post"},
            "delete channels/{id}/": None,
            "post channels/{id}/test/": None,
            "post rosters/": roster,
            "patch rosters/{id}/": {"turn_days": 14},
            "delete rosters/{id}/": None,
            "post routes/": {"name": f"{MARK} way", "steps": [{"after_minutes": 0, "roster": self.roster}]},
            "patch routes/{id}/": {"min_priority": "high"},
            "delete routes/{id}/": None,
            "post bell/read/": {"ids": [1]},
            "put preferences/": {"digest_minutes": 60},
        }


@contextmanager
def put_back() -> Iterator[None]:
    """Undo whatever a block does to the world, so that one serves for many questions."""
    with transaction.atomic():
        yield
        transaction.set_rollback(True)
    rights._cache.clear()


def numbered_world() -> World:
    """A world of ones, where only the shape of addresses and bodies counts."""
    ones = {name: 1 for name in World.__slots__ if name != "health"}
    return World(**ones, health=HealthIds(*[1] * len(HealthIds.__slots__)))


def make_world(company: Company, client: APIClient) -> World:
    """Make one of everything, over REST where the API makes it."""

    def made(path: str, body: Any) -> Any:
        answer = client.post(f"/api/v1/{path}", body, format="json")
        assert answer.status_code in {200, 201, 202}, (path, answer.content)
        return answer.json()

    machine = make_machine(client, f"{MARK} press")
    plant_id, point_id = machine["plant"]["id"], machine["points"]["power"]["id"]
    asset = made("assets/", {"plant": plant_id, "level": "line", "name": f"{MARK} line"})
    device = made(
        "devices/", {"key": f"{MARK}-1", "name": f"{MARK} meter", "asset": machine["machine"]["id"]}
    )
    connection = made(
        "connections/",
        {
            "kind": "mqtt", "name": f"{MARK} broker", "enabled": False,
            "options": {"url": "mqtt://127.0.0.1:1", "password": f"{MARK}-secret"},
        },
    )  # fmt: skip
    binding = made(
        f"connections/{connection['id']}/bindings/", [{"address": f"{MARK}/a|power", "point": point_id}]
    )
    shift = made(
        f"plants/{plant_id}/shifts/",
        {"name": f"{MARK} early", "starts_at": "06:00", "ends_at": "14:00", "weekdays": [1, 2]},
    )
    key = made("api-keys/", {"name": f"{MARK} robot", "role": "viewer"})
    mailbox = {"name": f"{MARK} mailbox", "kind": "email", "address": f"{MARK}@example.com"}
    channel = made("channels/", mailbox)
    roster = {"name": f"{MARK} days", "entries": [{"user": company.viewer.pk, "weekdays": [1, 2, 3, 4, 5]}]}
    roster_id = made("rosters/", roster)["id"]
    steps = [{"after_minutes": 0, "user": company.viewer.pk}]
    route = made("routes/", {"name": f"{MARK} route", "steps": steps})
    told = {"name": f"{MARK} ERP", "url": "https://1.1.1.1/hook", "events": ["alarms.*"]}
    webhook = made("webhooks/", told)["id"]
    return World(
        plant=plant_id,
        line=asset["id"],
        machine=machine["machine"]["id"],
        point=point_id,
        device=device["id"],
        credential=made(f"devices/{device['id']}/credentials/", None)["id"],
        connection=connection["id"],
        binding=binding[0]["id"],
        waiting=make_waiting(company.tenant_id, connection["id"]),
        shift=shift["id"],
        api_key=key["id"],
        member=next(
            row["id"]
            for row in client.get("/api/v1/members/").json()["results"]
            if row["user"] == company.viewer.pk
        ),
        invitation=made("invitations/", {"email": f"{MARK}@example.org", "role": "viewer"})["id"],
        webhook=webhook,
        webhook_delivery=made(f"webhooks/{webhook}/ping/", None)["id"],
        role=made("roles/", {"name": f"{MARK} keeper", "copy_of": "operator"})["id"],
        channel=channel["id"],
        roster=roster_id,
        route=route["id"],
        delivery=make_delivery(company),
        person=company.viewer.pk,
        rule=made(
            "alarm-rules/", {"asset": machine["machine"]["id"], "key": "power_high", "definition": RULE}
        )["id"],
        alarm=make_alarm(company, machine["machine"]["id"]),
        trial=made("alarm-trials/", {"asset": machine["machine"]["id"], "definition": RULE, "days": 30})[
            "id"
        ],
        report=make_report(company, plant_id),
        invoice=make_invoice(company),
        health=make_health(company, made, plant=plant_id, machine=machine["machine"]["id"], mark=MARK),
        sso_identity=make_sso(company),
        partner_grant=make_partner_grant(company),
        tenant=company.tenant_id,
        **make_job(client),
    )
