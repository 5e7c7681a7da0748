"""What beat has the worker do for maintenance. Shells only."""

from __future__ import annotations

import time

from celery import shared_task

from apps.health.services.condition import list_due
from apps.health.services.plans import make_due_orders as make_due
from apps.health.services.training import list_wanted, train_version
from apps.health.services.turns import MACHINES_A_TURN, Turn
from forgeline.entitlements.rights import rights_of
from forgeline.tenancy.scoping import list_tenant_ids, tenant_scope

SECONDS_A_TURN = 20.0


@shared_task(name="health.make_due_orders", ignore_result=True, expires=55)
def make_due_orders() -> None:
    """Look at every plan of every company that has the module on, and make the orders that are due."""
    for tenant_id in list_tenant_ids():
        if rights_of(tenant_id).has_module("health"):
            with tenant_scope(tenant_id, branches=()):
                make_due()


@shared_task(name="health.watch_machines", ignore_result=True, expires=55)
def watch_machines() -> None:
    """Ask for a judgement of the machines of which an hour is over, some at a time."""
    for tenant_id in list_tenant_ids():
        if rights_of(tenant_id).has_module("health"):
            with tenant_scope(tenant_id, branches=()):
                due = list_due()
            for batch in batched(due):
                # What is not begun within the minute is asked for anew: a worker that was away finds no old queue.
                watch_batch.apply_async((tenant_id, batch), expires=55)


def batched(asset_ids: list[int]) -> list[list[int]]:
    """Return the machines in the batches of one task each."""
    return [asset_ids[first : first + MACHINES_A_TURN] for first in range(0, len(asset_ids), MACHINES_A_TURN)]


@shared_task(name="health.watch_batch", ignore_result=True)
def watch_batch(tenant_id: int, asset_ids: list[int]) -> None:
    """Judge machines' hours in turn; what is left after a while is for the next minute."""
    turn = Turn(tenant_id, asset_ids)
    until = time.monotonic() + SECONDS_A_TURN
    while turn.goes_on and time.monotonic() < until:
        turn.step()
    turn.end()


@shared_task(name="health.train_models", ignore_result=True, expires=55)
def train_models() -> None:
    """Ask for each training that is wanted; a version that is trained meanwhile is left alone."""
    for tenant_id in list_tenant_ids():
        if rights_of(tenant_id).has_module("health"):
            with tenant_scope(tenant_id, branches=()):
                wanted = list_wanted()
            for version_id in wanted:
                train_model.apply_async((tenant_id, version_id), expires=55)


@shared_task(name="health.train_model", ignore_result=True)
def train_model(tenant_id: int, version_id: int) -> None:
    """Train one version of a model, once."""
    with tenant_scope(tenant_id, branches=()):
        train_version(version_id)
