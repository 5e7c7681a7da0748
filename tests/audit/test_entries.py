"""The audit log: each change has its entry, no entry changes, and what is taken out is counted."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection, transaction
from django.db.utils import ProgrammingError
from django.test import Client
from rest_framework.test import APIClient

from connectors import services as connections
from forgeline.assets import services as assets
from forgeline.audit import services
from forgeline.audit.models import Entry
from forgeline.audit.recorder import Source, acting, record
from forgeline.base import clock
from forgeline.tenancy.scoping import released_scope, tenant_scope
from tests.api.world import FOR_THE_OPERATOR, OPERATIONS, WRITES, World, make_world, put_back
from tests.conftest import Company

UNAUDITED = {
    "post subscription/quote/": "looks, changes nothing",
    "post alarm-rules/check/": "looks, changes nothing",
    "post alarm-trials/": "counts over the past, changes nothing",
    "delete alarm-trials/{id}/": "counts over the past, changes nothing",
    "post alarms/acknowledge/": "stands in the alarm's journal",
    "post alarms/shelve/": "stands in the alarm's journal",
    "post alarms/unshelve/": "stands in the alarm's journal",
    "post alarms/put_out_of_service/": "stands in the alarm's journal",
    "post alarms/return_to_service/": "stands in the alarm's journal",
    "post alarms/comment/": "stands in the alarm's journal",
    "post alarms/assign/": "stands in the alarm's journal",
    "post bell/read/": "one's own bell",
    "put preferences/": "one's own wishes",
    "post channels/{id}/test/": "stands in the delivery log",
    "post connections/test/": "changes nothing",
    "post webhooks/{id}/ping/": "stands in the log of deliveries",
    "post webhooks/{id}/replay/": "stands in the log of deliveries",
    "post samples/": "data, counted in the commit log",
    "post waiting-devices/{id}/ignore/": "a list of what might be, not of what is",
    "post uploads/": "a file on its way; what is made of it is told by its job",
    "put uploads/{id}/": "a file on its way; what is made of it is told by its job",
    "delete uploads/{id}/": "a file on its way; what is made of it is told by its job",
    "post inspections/{id}/answer/": "stands in the pass, with who and when",
    "post inspections/{id}/finish/": "stands in the pass, with who and when",
    "post work-orders/{id}/answer/": "stands in the order, with who and when",
    "post work-orders/{id}/parts/": "stands among the moves of the part, with who and when",
    "post work-orders/{id}/put_back/": "stands among the moves of the part, with who and when",
    "post spare-parts/{id}/book/": "stands among the moves of the part, with who and when",
    "post maintenance-plans/{id}/confirm/": "takes a remark away that the plan made itself",
    "post sso/check/": "looks, changes nothing",
    "post sso/domains/check/": "looks; a proof that is found is the domain's row, audited",
}
ELSEWHERE = {
    # A partner, whom the database's owner alone names, committed: tests/identity/test_partners.
    "post partner-grants/",
    # What a partner's people have set up: tests/identity/test_belongings.
    "post partner-belongings/",
    # An owner in person: tests/transfer/test_company, tests/sso.
    "post company-archive/", "post company-erasure/", "delete company-erasure/", "put sso/", "delete sso/",
    # A job that has ended, samples that can be read, a table that can be taken, a route that nobody walks, a machine
    # without a label: tests/jobs, tests/transfer, tests/apps/health.
    "delete jobs/{id}/", "post sample-imports/", "post maintenance-csv/", "post inspection-routes/{id}/start/",
    "post machine-records/{id}/label/",
}  # fmt: skip
"""What needs more than the world has."""
FIRST = {
    "post connections/{id}/disable/": ("post", "connections/{id}/enable/"),
    "post members/{id}/reactivate/": ("post", "members/{id}/deactivate/"),
    "delete plants/{plant_id}/special-days/": ("put", "plants/{plant_id}/special-days/"),
}
"""What must be so before that a write changes anything."""
HERE = Source(who="Alice", who_kind="person", who_id=7, address="10.0.0.1", agent="Test", request_id="r-1")


def test_every_write_of_the_api_leaves_an_entry_that_names_the_caller(company: Company) -> None:
    client = APIClient(
        headers={"Authorization": f"Bearer {company.manager_key}"}, raise_request_exception=False
    )
    world = make_world(company, client)
    faults = {}
    for method, path in OPERATIONS:
        operation = f"{method} {path.removeprefix('/api/v1/')}"
        if method not in WRITES or operation in ELSEWHERE or operation in UNAUDITED:
            continue
        if path.startswith(FOR_THE_OPERATOR):
            # In the other company's log: tests/billing/test_console_api.
            continue
        with put_back():
            said = _write_and_read(company, client, world, method, path)
        if said:
            faults[operation] = said
    assert faults == {}


def _write_and_read(company: Company, client: APIClient, world: World, method: str, path: str) -> str:
    """Do one write; return what is wrong with its entries, '' for nothing."""
    operation = f"{method} {path.removeprefix('/api/v1/')}"
    if operation in FIRST:
        first, there = FIRST[operation]
        getattr(client, first)(
            world.address(f"/api/v1/{there}"), world.bodies()[f"{first} {there}"], format="json"
        )
    with tenant_scope(company.tenant_id):
        before = Entry.objects.order_by("-id").values_list("id", flat=True).first() or 0
    body = {"raw_days": 12} if operation == "put retention/" else world.body(method, path)
    is_asked = method == "delete" and path.endswith("special-days/")
    address = world.address(path) + ("?on=2026-10-10" if is_asked else "")
    send = getattr(client, method)
    headers = {"X-Request-ID": "req-77"}
    answer = (
        send(address, headers=headers)
        if body is None
        else send(address, body, format="json", headers=headers)
    )
    if answer.status_code >= 300:
        return f"{answer.status_code} {answer.content.decode()[:300]}"
    with tenant_scope(company.tenant_id):
        entries = list(Entry.objects.filter(pk__gt=before))
    named = {(entry.who_kind, entry.who, entry.request_id) for entry in entries}
    return "" if named == {("key", "manager", "req-77")} else f"named by {sorted(named)}"


def test_the_list_of_what_is_not_audited_names_real_operations() -> None:
    known = {f"{method} {path.removeprefix('/api/v1/')}" for method, path in OPERATIONS}
    assert UNAUDITED.keys() <= known


def test_an_entry_says_what_was_and_what_is(company: Company) -> None:
    with acting(HERE), tenant_scope(company.tenant_id):
        site = assets.create_site(name="North")
        assets.update_site(site_id=site.pk, name="Nord")
        assets.update_site(site_id=site.pk, name="Nord")
        made, changed = Entry.objects.filter(who="Alice").order_by("id")
    assert (made.action, made.subject, made.changes["name"]) == (
        "assets.plant.made",
        "North",
        [None, "North"],
    )
    assert (changed.action, changed.changes) == ("assets.plant.changed", {"name": ["North", "Nord"]})
    assert (changed.who, changed.who_id, changed.address, changed.request_id) == (
        "Alice",
        7,
        "10.0.0.1",
        "r-1",
    )


def test_secrets_are_told_as_changed_and_never_shown(company: Company) -> None:
    with tenant_scope(company.tenant_id):
        options = {"url": "mqtt://127.0.0.1:1", "password": "Zebrawood"}
        row = connections.create_connection(kind="mqtt", name="x", options=options, actor=None)
        options = {"url": "mqtt://127.0.0.1:2", "password": "Ebony"}
        connections.update_connection(connection_id=row.pk, options=options, actor=None)
        device = assets.create_device(name="", key="d")
        assets.create_credential(device_id=device.pk)
        told = str(list(Entry.objects.values_list("changes", flat=True)))
    assert "Zebrawood" not in told
    assert "Ebony" not in told
    assert "gAAAA" not in told
    assert "argon2" not in told
    assert "127.0.0.1:2" in told
    assert "'password_hash': [None, '…']" in told


def test_what_is_rolled_back_leaves_no_entry_and_raw_sql_leaves_one(company: Company) -> None:
    with tenant_scope(company.tenant_id):
        site = assets.create_site(name="North")
        with transaction.atomic():
            assets.update_site(site_id=site.pk, name="West")
            transaction.set_rollback(True)
        assert not Entry.objects.filter(changes__has_key="name", action="assets.plant.changed").exists()
        with connection.cursor() as cursor:
            cursor.execute("UPDATE assets_site SET name = 'South' WHERE id = %s", [site.pk])
        assert Entry.objects.order_by("id").last().changes == {"name": ["North", "South"]}


@pytest.mark.parametrize(
    "statement",
    ["UPDATE audit_entry SET who = 'nobody'", "DELETE FROM audit_entry", "TRUNCATE audit_entry",
     "ALTER TABLE audit_entry DISABLE TRIGGER ALL", "SELECT audit_shorten(now(), 'mine')"],
)  # fmt: skip
def test_the_application_cannot_rewrite_the_log(company: Company, statement: str) -> None:
    with tenant_scope(company.tenant_id):
        before = list(Entry.objects.values_list("id", "who"))
        assert before
        with connection.cursor() as cursor:
            cursor.execute("SELECT set_config('forgeline.audit_shortens', 'yes', true)")
            with pytest.raises(ProgrammingError), transaction.atomic():
                cursor.execute(statement)
        assert list(Entry.objects.values_list("id", "who")) == before


def test_what_is_taken_out_is_counted_in_the_log_itself(
    company: Company, stranger: Company, monkeypatch: pytest.MonkeyPatch
) -> None:
    for each in (company, stranger):
        with tenant_scope(each.tenant_id):
            assets.create_site(name="North")
    monkeypatch.setattr(services, "KEPT_DAYS", 0)
    assert services.trim() == 0, "younger than thirty days, whatever is asked for"
    with tenant_scope(company.tenant_id), connection.cursor() as cursor:
        count = Entry.objects.count()
        cursor.execute("SELECT audit_erase()")
        assert cursor.fetchone() == (count,)
        (left,) = Entry.objects.all()
        assert (left.action, left.subject, left.changes["entries"]) == (
            "audit.shortened",
            "erasure",
            [count, 0],
        )
    with tenant_scope(stranger.tenant_id):
        assert Entry.objects.filter(action="assets.plant.made").count() == 1


def test_entries_stay_named_when_the_transaction_is_let_go_of(company: Company) -> None:
    with acting(HERE), tenant_scope(company.tenant_id):
        with released_scope():
            pass
        record("export.made", subject="all", changes={"rows": [None, 3]})
        assert Entry.objects.get(action="export.made").who == "Alice"


def test_sessions_are_written_down(company: Company, client: Client) -> None:
    given = {"login": "alice@example.com", "password": "a-long-password"}
    client.post("/sign-in/", {**given, "password": "wrong-password"})
    client.post("/sign-in/", given)
    client.post("/sign-out/")
    with tenant_scope(company.tenant_id):
        rows = Entry.objects.filter(action__startswith="identity.session").order_by("id")
        assert list(rows.values_list("action", "who")) == [
            (f"identity.session.{word}", "alice@example.com") for word in ("refused", "begun", "ended")
        ]


def test_page_and_file(company: Company, stranger: Company, sign_in: Callable[[Any], Client]) -> None:
    with acting(HERE), tenant_scope(company.tenant_id):
        site = assets.create_site(name='=HYPERLINK("http://x")')
        assets.update_site(site_id=site.pk, name="Nord")
    client = sign_in(company.manager)
    page = client.get("/company/audit/").content.decode()
    assert "HYPERLINK" in page
    assert "10.0.0.1" in page
    assert "HYPERLINK" not in client.get("/company/audit/?q=nobody").content.decode()
    assert client.get("/company/audit/?from=2026-13-45&before=99999999999999999999&kind=x").status_code == 200
    tomorrow = (clock.now() + timedelta(days=2)).date()
    assert "HYPERLINK" not in client.get(f"/company/audit/?from={tomorrow}").content.decode()
    text = b"".join(client.get("/company/audit/?csv").streaming_content).decode("utf-8-sig")
    rows = list(csv.DictReader(io.StringIO(text)))
    things = [row["Thing"] for row in rows if row["What"].startswith("assets.plant")]
    assert things == ["Nord", '\'=HYPERLINK("http://x")']
    assert sign_in(company.viewer).get("/company/audit/").status_code == 403
    assert "HYPERLINK" not in sign_in(stranger.manager).get("/company/audit/").content.decode()
