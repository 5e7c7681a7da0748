"""A company downloads everything and is erased: every table is walked, another company keeps all of its own."""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import numpy as np
import psycopg
import pyarrow.parquet as pq
import pytest
from django.core.management import call_command
from django.db import connections
from django.test import Client
from rest_framework.test import APIClient

from forgeline.base import clock
from forgeline.base.errors import ConflictError, ForbiddenError, InvalidInputError
from forgeline.identity import services as identity
from forgeline.identity.models import Membership, User
from forgeline.identity.policy import Actor, permissions_of
from forgeline.jobs import files, services as jobs, working
from forgeline.jobs.models import Job, State
from forgeline.notifications.models import Delivery, Notice
from forgeline.telemetry import erasing, ingest
from forgeline.telemetry.engines.connection import store_connection
from forgeline.telemetry.erasing import TABLES
from forgeline.telemetry.sample import SampleBatch
from forgeline.tenancy.models import Tenant
from forgeline.tenancy.scoping import tenant_scope
from forgeline.transfer.company import archive, erasure, tables
from forgeline.transfer.models import Erasure
from tests import bring
from tests.api.world import MARK, World, make_world
from tests.conftest import Company

WRITTEN = (
    "assets.point", "assets.asset", "alarms.alarm", "alarms.journalentry", "audit.entry", "billing.invoice",
    "billing.invoiceline", "billing.subscription", "connectors.connection", "identity.apikey", "identity.membership",
    "webhooks.endpoint", "notifications.notice",
)  # fmt: skip


def by_key(company: Company) -> APIClient:
    client = APIClient(headers={"Authorization": f"Bearer {company.manager_key}"})
    client.raise_request_exception = False
    return client


def fill(company: Company) -> World:
    """One of everything, and a day of samples with their roll-ups."""
    world = make_world(company, by_key(company))
    ts = (
        clock.now_us() // 86_400_000_000 * 86_400_000_000
        - 86_400_000_000
        + np.arange(0, 86_400_000_000, 60_000_000)
    )
    ingest.ingest_batch(
        SampleBatch.from_columns([world.point] * len(ts), ts, np.arange(len(ts), dtype=np.float64))
    )
    while not ingest.settle():
        pass
    return world


@pytest.fixture
def world(live_company: Company) -> World:
    return fill(live_company)


@pytest.fixture
def owner(live_company: Company) -> Actor:
    identity.add_member(tenant_id=live_company.tenant_id, user=live_company.manager, role="owner")
    return Actor(
        live_company.tenant_id, "owner", user_id=live_company.manager.pk, label="Alice",
        permissions=permissions_of("owner"),
    )  # fmt: skip


def census(tenant_id: int) -> dict[str, int]:
    """Rows of a company in every table with a tenant, by the server's superuser: no wall hides anything."""
    with superuser() as admin:
        names = admin.execute("""
            SELECT c.relname, a.attname FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND NOT a.attisdropped
            WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition
              AND (a.attname = 'tenant_id' OR c.relname = 'tenancy_tenant' AND a.attname = 'id')
        """).fetchall()
        return {
            str(name): int(
                admin.execute(f"SELECT count(*) FROM {name} WHERE {column} = {tenant_id}").fetchone()[0]
            )  # type: ignore[index, arg-type]
            for name, column in names
        }


def superuser() -> Any:
    target = connections.databases["default"]
    return psycopg.connect(
        host=target["HOST"],
        port=target["PORT"],
        dbname=target["NAME"],
        user="postgres",
        password=bring.ADMIN_PASSWORD,
    )


def store_rows(points: list[int]) -> dict[str, int]:
    with superuser() as admin:
        return {
            name: int(
                admin.execute(f"SELECT count(*) FROM {name} WHERE point_id = ANY (%s)", [points]).fetchone()[
                    0
                ]
            )
            for name in TABLES
        }


def points_of(company: Company) -> list[int]:
    with superuser() as admin:
        rows = admin.execute(
            "SELECT id FROM assets_point WHERE tenant_id = %s", [company.tenant_id]
        ).fetchall()
    return [row[0] for row in rows]


def test_everything_is_in_the_archive_and_described(
    live_company: Company, live_stranger: Company, world: World, owner: Actor
) -> None:
    with tenant_scope(live_company.tenant_id):
        job = archive.start_archive(actor=owner)
    while working.work(slice_s=0.2):
        pass
    with tenant_scope(live_company.tenant_id):
        done = jobs.get_job(job.pk, actor=owner)
        assert (done.state, done.message) == (State.DONE, "Done.")
        packed = zipfile.ZipFile(files.path_of(done.files.get()))
    names = set(packed.namelist())
    manifest = {entry["name"]: entry for entry in json.loads(packed.read("manifest.json"))["files"]}
    assert names - {"manifest.json"} == set(manifest)
    for name, entry in manifest.items():
        assert hashlib.sha256(packed.read(name)).hexdigest() == entry["sha256"]
        assert len(packed.read(name)) == entry["bytes"]
    readme = packed.read("README.md").decode()
    rows = {}
    for model in tables.list_models():
        name = tables.file_of(model)
        rows[model._meta.label_lower] = json.loads(packed.read(name))
        assert len(rows[model._meta.label_lower]) == manifest[name]["rows"]
        assert f"### {name}" in readme
        for row in rows[model._meta.label_lower]:
            assert all(f"| {column} |" in readme for column in row)
    assert [label for label in WRITTEN if not rows[label]] == []
    text = b"".join(packed.read(name) for name in names if name.endswith(".json")).decode()
    assert MARK in text
    # What lies beside the tables is there too, and the table says which it is.
    documents = {row["sha256"] for row in rows["health.storedfile"]}
    assert documents
    assert {name.removeprefix("documents/") for name in names if name.startswith("documents/")} == documents
    for secret in (f"{MARK}-secret", "whsec_", "$7$", "argon2", "md5$", live_company.manager_key):
        assert secret not in text
    samples = [
        name for name in names if name.startswith("samples/") and name.endswith(f"_{world.point}.parquet")
    ]
    assert pq.read_table(io.BytesIO(packed.read(samples[0]))).num_rows >= 1440
    hours = pq.read_table(io.BytesIO(packed.read("rollups/1h.parquet")))
    assert hours.num_rows >= 24
    people = json.loads(packed.read("tables/people.json"))
    assert {row["email"] for row in people} == {"alice@example.com", "bob@example.com"}
    assert "charlie" not in text.lower()


def test_only_an_owner_who_types_the_name_and_only_in_person(
    live_company: Company, owner: Actor, settings: Any
) -> None:
    manager = Actor(live_company.tenant_id, "manager", user_id=1, permissions=permissions_of("manager"))
    program = Actor(live_company.tenant_id, "owner", api_key_id=1, permissions=permissions_of("owner"))
    with tenant_scope(live_company.tenant_id):
        for actor in (manager, program):
            with pytest.raises(ForbiddenError):
                erasure.ask_erasure(name="Alice Stamping", actor=actor)
        with pytest.raises(InvalidInputError, match="Alice Stamping"):
            erasure.ask_erasure(name="alice", actor=owner)
        with pytest.raises(ConflictError):
            erasure.call_back(actor=owner)
        job = erasure.ask_erasure(name="Alice Stamping", actor=owner)
        assert job.due_at - job.created_at > timedelta(days=settings.ERASURE_GRACE_DAYS - 0.01)
        with pytest.raises(ConflictError) as refused:
            erasure.ask_erasure(name="Alice Stamping", actor=owner)
        assert refused.value.key == "transfer.erasure_asked"
    assert working.work() == 0
    with tenant_scope(live_company.tenant_id):
        assert erasure.call_back(actor=owner).state == State.CANCELLED
    later = clock.now() + timedelta(days=400)
    assert working.work(now=lambda: later) == 0
    with tenant_scope(live_company.tenant_id):
        assert Tenant.objects.get().closed_at is None


@pytest.fixture
def at_once(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.ERASURE_GRACE_DAYS = 0.0
    monkeypatch.setattr(erasure, "SETTLE_S", 0.001)


def test_every_page_and_every_owner_hears_of_it(
    live_company: Company, owner: Actor, sign_in: Callable[[Any], Client]
) -> None:
    viewer = sign_in(live_company.viewer)
    assert "has asked for the erasure" not in viewer.get("/").content.decode()
    with tenant_scope(live_company.tenant_id):
        job = erasure.ask_erasure(name="Alice Stamping", actor=owner)
        notice = Notice.objects.get(kind="company.erasure")
        # By no route: nobody has set one up for this.
        assert (notice.routed_at is not None, notice.subject) == (True, f"erasure:{job.pk}")
        assert set(notice.title) == {"en", "zh-hans"}
        told = set(Delivery.objects.filter(notice=notice).values_list("user_id", "via"))
        assert told == {(live_company.manager.pk, "bell"), (live_company.manager.pk, "email")}
    page = viewer.get("/").content.decode()
    assert "Alice has asked for the erasure of this company" in page
    assert "/company/data/" not in page
    assert 'href="/company/data/"' in sign_in(live_company.manager).get("/").content.decode()
    with tenant_scope(live_company.tenant_id):
        erasure.call_back(actor=owner)
        ended = Notice.objects.get(kind="company.erasure", subject=f"erasure:{job.pk}:end")
        assert "Alice has called it back" in ended.body["en"]
        assert {row.via for row in Delivery.objects.filter(notice=ended)} == {"bell", "email"}
    assert "has asked for the erasure" not in viewer.get("/").content.decode()


@pytest.mark.usefixtures("at_once")
def test_nothing_is_left_and_the_record_says_what_went(
    live_company: Company,
    live_stranger: Company,
    world: World,
    owner: Actor,
    sign_in: Callable[[Any], Any],
    capsys: Any,
) -> None:
    fill(live_stranger)
    # Bob works for Charlie too; Alice for nobody else.
    identity.add_member(tenant_id=live_stranger.tenant_id, user=live_company.viewer)
    browser = sign_in(live_company.manager)
    assert browser.get("/").status_code == 200
    mine, theirs = points_of(live_company), points_of(live_stranger)
    before, their_rows, their_store = (
        census(live_company.tenant_id),
        census(live_stranger.tenant_id),
        store_rows(theirs),
    )
    assert all(
        store_rows(mine)[name] for name in ("telemetry_sample", "telemetry_rollup_1h", "telemetry_latest")
    )
    with tenant_scope(live_company.tenant_id):
        erasure.ask_erasure(name="Alice Stamping", actor=owner)
        folder = files._folder(live_company.tenant_id)
        archive.start_archive(actor=owner)
    (folder / "x").write_bytes(b"x")
    assert files.list_documents(live_company.tenant_id)
    for _ in range(200):
        if not working.work(slice_s=0.1):
            break
    after = census(live_company.tenant_id)
    left = {name: count for name, count in after.items() if count}
    assert (
        {"audit_entry", "billing_invoice", "billing_invoiceline", "transfer_erasure"}
        <= set(left)
        <= set(tables.KEPT)
    )
    assert left["billing_invoice"] == before["billing_invoice"]
    assert store_rows(mine) == dict.fromkeys(TABLES, 0)
    assert not folder.exists()
    # What is left of the audit are tombstones that name nobody.
    with superuser() as admin:
        entries = admin.execute(
            "SELECT action, who, subject, changes FROM audit_entry WHERE tenant_id = %s",
            [live_company.tenant_id],
        ).fetchall()
        followers = admin.execute(
            "SELECT count(*) FROM telemetry_follower WHERE name LIKE '%%:' || %s",
            [str(live_company.tenant_id)],
        ).fetchone()[0]
    assert {(action, who) for action, who, _subject, _changes in entries} == {
        ("audit.shortened", "Forgeline")
    }
    assert sum(entry[3]["entries"][0] for entry in entries) > 20
    assert followers == 0
    # People of nobody else are gone with their sessions; who works elsewhere stays.
    assert not User.objects.filter(email="alice@example.com").exists()
    assert User.objects.filter(email="bob@example.com").exists()
    assert browser.get("/").status_code == 302
    # The record.
    call_command("erasures")
    [told] = [json.loads(line) for line in capsys.readouterr().out.splitlines() if line.startswith("{")]
    assert (told["tenant_id"], told["name"]) == (live_company.tenant_id, "Alice Stamping")
    assert told["ended_at"]
    assert told["counts"]["telemetry_sample"] >= 1440
    assert told["counts"]["assets_point"] == before["assets_point"]
    assert told["counts"]["tenancy_tenant"] == 1
    assert told["counts"]["files"] >= 2
    assert set(told["left_over"]) <= set(tables.KEPT)
    # The neighbour has all of its own.
    now = census(live_stranger.tenant_id)
    grown = {"audit_entry", "webhooks_event", "webhooks_delivery"}
    assert {k: v for k, v in now.items() if k not in grown} == {
        k: v for k, v in their_rows.items() if k not in grown
    }
    assert store_rows(theirs) == their_store
    with tenant_scope(live_stranger.tenant_id):
        assert not Erasure.objects.exists()
        assert Membership.objects.filter(user__email="bob@example.com").exists()


@pytest.mark.usefixtures("at_once")
def test_begun_it_cannot_be_stopped_and_goes_on_after_a_fault(
    live_company: Company, owner: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    with tenant_scope(live_company.tenant_id):
        job = erasure.ask_erasure(name="Alice Stamping", actor=owner)
    monkeypatch.setattr(erasure, "SETTLE_S", 3600.0)
    working.work()
    with tenant_scope(live_company.tenant_id):
        assert Tenant.objects.get().closed_at is not None
        with pytest.raises(ConflictError) as refused:
            jobs.cancel(job.pk, actor=owner)
        assert refused.value.key == "jobs.begun"

    def broken(*_arguments: Any) -> Any:
        raise RuntimeError("the disk is full")

    monkeypatch.setattr(erasure, "_erase_rows", broken)
    later = clock.now() + timedelta(hours=2)
    working.work(now=lambda: later)
    with tenant_scope(live_company.tenant_id):
        assert Job.objects.get().state == State.RUNNING
    monkeypatch.undo()
    working.work(now=lambda: later + timedelta(hours=1))
    assert {name for name, count in census(live_company.tenant_id).items() if count} == {
        "audit_entry", "transfer_erasure",
    }  # fmt: skip
    with store_connection() as connection:
        assert connection.execute("SELECT count(*) FROM telemetry_commit").fetchone()[0] == 0


@pytest.mark.usefixtures("at_once")
def test_it_goes_by_lots_that_hold_though_the_worker_dies_before_the_last(
    live_company: Company, world: World, owner: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(erasure, "LOT", 3)
    monkeypatch.setattr(erasing, "POINTS_AT_ONCE", 4)
    before = census(live_company.tenant_id)
    with tenant_scope(live_company.tenant_id):
        job = erasure.ask_erasure(name="Alice Stamping", actor=owner)
    begun: list[Any] = []
    lots: dict[str, list[int]] = {}
    asked, deleted = erasure._delete_lot, erasing.delete_samples

    def counted(work: Any, name: str, *rest: Any) -> int:
        gone = asked(work, name, *rest)
        lots.setdefault(name, []).append(gone)
        return gone

    def told(tenant_id: int | None, done: Any = None) -> Any:
        begun.append(done or (-1, 0, 0))
        return deleted(tenant_id, done)

    def dies(*_arguments: Any) -> Any:
        raise RuntimeError("killed")

    monkeypatch.setattr(erasure, "_delete_lot", counted)
    monkeypatch.setattr(erasing, "delete_samples", told)
    monkeypatch.setattr(erasure, "_erase_rows", dies)
    # Slices of next to no length: every few chunks and lots are the turn of another worker.
    while working.work(slice_s=0.02):
        pass
    assert begun == sorted(set(begun))
    assert len(begun) > 3
    journal = before["alarms_journalentry"]
    assert journal
    assert sum(lots["alarms_journalentry"]) == journal
    assert max(max(gone) for gone in lots.values()) == 3
    with tenant_scope(live_company.tenant_id):
        assert Job.objects.get(pk=job.pk).position["stage"] == "rows"
    rest = {name for name, count in census(live_company.tenant_id).items() if count}
    assert rest >= {"tenancy_tenant", "identity_membership", "jobs_job"}
    assert not rest & {"alarms_journalentry", "notifications_notice", "webhooks_event", "telemetry_commit"}
    monkeypatch.undo()
    working.work(now=lambda: clock.now() + timedelta(hours=1))
    left = {name for name, count in census(live_company.tenant_id).items() if count}
    assert left <= set(tables.KEPT)
    with tenant_scope(live_company.tenant_id):
        record = Erasure.objects.get()
    assert record.ended_at is not None
    assert record.counts["alarms_journalentry"] == journal
    assert record.counts["telemetry_sample"] >= 1440
