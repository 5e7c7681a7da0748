"""What of the world no route of the API makes: rows of the judge, the worker, a seller, a provider."""

from __future__ import annotations

from datetime import timedelta

from rest_framework.test import APIClient

from connectors.models import Connection, WaitingDevice, WaitingKey
from forgeline.alarms.models import Alarm, AlarmReport, EntryKind, JournalEntry
from forgeline.base import clock
from forgeline.billing import subscriptions
from forgeline.billing.models import Invoice, Subscription
from forgeline.entitlements import rights
from forgeline.identity.models import PartnerGrant
from forgeline.identity.services import create_tenant
from forgeline.notifications.models import Delivery, Notice
from forgeline.sso.models import Domain, Identity, Provider
from forgeline.tenancy.scoping import tenant_scope
from tests.conftest import Company

MARK = "Zebrawood"
"""Stands in every name of the world, so that one search finds whatever leaks."""
RULE = {
    "name": {"en": f"{MARK} power high"},
    "condition": {"kind": "limit", "point": "power", "level": "H", "limit": 75.0},
}


def make_sso(company: Company) -> int:
    """A provider that nobody asks, which has named the viewer."""
    issuer = f"https://{MARK}.example"
    with tenant_scope(company.tenant_id):
        Provider.objects.create(
            discovery_url=issuer, issuer=issuer, client_id=MARK, secret_sealed="x", generation=1
        )
        Domain.objects.create(name=f"{MARK}.example", token=MARK)
        row = Identity.objects.create(user=company.viewer, issuer=issuer, subject=MARK)
    return int(row.pk)


def make_partner_grant(company: Company) -> int:
    """A partner that may come in, as the company has it: who the partner is lies behind another wall."""
    name = f"{MARK} machines"
    partner = create_tenant(name=name, slug=f"machines-{company.tenant_id}")
    with tenant_scope(company.tenant_id):
        grant = PartnerGrant.objects.create(
            partner_id=partner.pk, partner_name=name, role="viewer", reason=f"{MARK} service",
            expires_at=clock.now() + timedelta(days=7),
        )  # fmt: skip
    return int(grant.pk)


def send_file(client: APIClient, text: str = f"key,name\n{MARK}-9,{MARK} meter\n") -> int:
    made = client.post("/api/v1/uploads/", {"name": f"{MARK}.csv"}, format="json").json()["id"]
    address = f"/api/v1/uploads/{made}/?offset=0"
    client.put(address, text.encode(), content_type="application/octet-stream")
    return int(made)


def make_job(client: APIClient) -> dict[str, int]:
    """A job with a file, which nobody works on, and a file that was sent and not used."""
    answer = client.post("/api/v1/imports/devices/", {"upload": send_file(client)}, format="json")
    assert answer.status_code == 202, answer.content
    job = answer.json()
    return {"job": job["id"], "file": job["files"][0]["id"], "upload": send_file(client)}


def make_invoice(company: Company) -> int:
    """The company pays for a plan that holds everything that the tests do."""
    with tenant_scope(company.tenant_id):
        subscriptions.start_trial(currency="CNY", zone="Asia/Shanghai")
        Subscription.objects.update(title=f"{MARK} Ltd")
        subscriptions.change_plan("enterprise", "month", at_once=True)
        # The tests of one minute make more calls than any plan has.
        rights.set_rights(limits={}, modules=None)
        return int(Invoice.objects.get().pk)


def make_waiting(tenant_id: int, connection_id: int) -> int:
    """A device that nobody adopted yet: only a running connector makes one otherwise."""
    now = clock.now()
    with tenant_scope(tenant_id):
        connection = Connection.objects.get(pk=connection_id)
        device = WaitingDevice.objects.create(
            tenant_id=tenant_id,
            connection=connection,
            key=f"{MARK}/gateway",
            first_seen_at=now,
            last_seen_at=now,
        )
        WaitingKey.objects.create(
            tenant_id=tenant_id, waiting_device=device, key="flow", address=f"{MARK}/gateway|flow", sample="1",
            first_seen_at=now, last_seen_at=now,
        )  # fmt: skip
    return int(device.pk)


def make_delivery(company: Company) -> int:
    """A message on its way to the viewer's bell and mailbox."""
    now = clock.now()
    with tenant_scope(company.tenant_id):
        notice = Notice.objects.create(
            subject=f"{MARK}:1", kind="trial.raised", priority="high", title={"en": f"{MARK} is hot"}, body={},
            happened_at=now, announced_at=now, routed_at=now, needs_answer=False,
        )  # fmt: skip
        rows = [
            Delivery.objects.create(
                key=f"{MARK}.{via}", notice=notice, via=via, user=company.viewer, to_name="Bob", state="sent",
                created_at=now, due_at=now,
            )
            for via in ("bell", "email")
        ]  # fmt: skip
    return int(rows[1].pk)


def make_alarm(company: Company, asset_id: int) -> int:
    """An alarm that the judge has raised."""
    now = clock.now()
    at_us = clock.to_us(now)
    with tenant_scope(company.tenant_id):
        alarm = Alarm.objects.create(
            asset_id=asset_id, key="power_high", definition=RULE, is_out=True, is_active=True, is_acknowledged=False,
            since_us=at_us, changed_us=at_us, raised_at=now, value=80.0,
        )  # fmt: skip
        JournalEntry.objects.create(alarm=alarm, kind=EntryKind.RAISED, happened_at=now, value=80.0)
    return int(alarm.pk)


def make_report(company: Company, plant_id: int) -> int:
    """A week that the worker has looked at."""
    now = clock.now()
    with tenant_scope(company.tenant_id):
        report = AlarmReport.objects.create(
            site_id=plant_id, on="2026-01-05", from_at=now, to_at=now, alarms=1, kpis={"note": MARK},
            details={"note": MARK}, bad_actors=[],
        )  # fmt: skip
    return int(report.pk)
