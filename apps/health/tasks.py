"""What beat has the worker do for maintenance. Shells only."""

from __future__ import annotations

from celery import shared_task

from apps.health.services.plans import make_due_orders as make_due
from forgeline.entitlements.rights import rights_of
from forgeline.tenancy.scoping import list_tenant_ids, tenant_scope


@shared_task(name="health.make_due_orders", ignore_result=True, expires=55)
def make_due_orders() -> None:
    """Look at every plan of every company that has the module on, and make the orders that are due."""
    for tenant_id in list_tenant_ids():
        if rights_of(tenant_id).has_module("health"):
            with tenant_scope(tenant_id, branches=()):
                make_due()
