"""A company that stores more than its plan has is polled less often; what its sources send by themselves is not."""

from __future__ import annotations

from typing import Any

from connectors import desk as desks
from connectors.desk import Desk
from connectors.opcua.options import SLOWED_BY
from connectors.runtime.fleet import Plan
from connectors.services import create_connection
from forgeline.assets import services as assets
from forgeline.base import clock
from forgeline.entitlements import rights
from forgeline.identity.policy import Actor, permissions_of
from forgeline.tenancy.scoping import tenant_scope
from tests.conftest import Company

ENDPOINT = "opc.tcp://127.0.0.1:1"


def test_polling_slows_beyond_the_plan_and_goes_on_as_before(live_company: Company) -> None:
    actor = Actor(live_company.tenant_id, "manager", permissions=permissions_of("manager"))
    with tenant_scope(live_company.tenant_id):
        assets.create_site(name="North")
        rights.set_rights(limits={"samples_per_month": 10}, modules=None)
        for mode in ("poll", "subscribe"):
            options: dict[str, Any] = {"endpoint": ENDPOINT, "mode": mode, "poll_interval_s": 2.0}
            create_connection(kind="opcua", name=mode, options=options, actor=actor)
    desk = Desk("one", None, 1)
    first = _plans(desk)
    assert [_interval(plan) for plan in first] == [2.0, 2.0]

    with tenant_scope(live_company.tenant_id):
        rights.set_excess(clock.now())
    slowed = _plans(desk)
    assert [_interval(plan) for plan in slowed] == [2.0 * SLOWED_BY, 2.0]
    polled, subscribed = [
        before.fingerprint != after.fingerprint for before, after in zip(first, slowed, strict=True)
    ]
    assert polled, "the driver that polls is made anew"
    assert not subscribed, "the one that is told stays connected"
    assert _plans(desk) == [], "and nothing is done again"

    with tenant_scope(live_company.tenant_id):
        rights.set_excess(None)
    assert [_interval(plan) for plan in _plans(desk)] == [2.0, 2.0]


def _plans(desk: Desk) -> list[Plan]:
    desk._excess_read_s = -desks.EXCESS_EVERY_S
    return sorted(desk.take_orders({}, lambda _connection_id: None).plans, key=lambda plan: plan.key)


def _interval(plan: Plan) -> float:
    driver: Any = plan.make_driver()
    return float(driver.options.poll_interval_s)
