"""Which tenant, and which branches of its plant, the running code works for. Set only by tenancy.scoping."""

from __future__ import annotations

from contextvars import ContextVar

from forgeline.base.errors import ForgelineError

current_tenant_id: ContextVar[int | None] = ContextVar("forgeline_tenant_id", default=None)
current_branches: ContextVar[tuple[str, ...]] = ContextVar("forgeline_branches", default=())
"""Paths of assets, ``/3/17/``, beneath which alone the running code may see and change; none for the whole company."""

current_actor: ContextVar[str] = ContextVar("forgeline_actor", default="")
"""Who acts, as the audit's triggers read it (audit.recorder); '' for the service itself."""


class TenancyError(ForgelineError):
    """Tenant-owned rows were asked for outside a tenant's scope: a fault of ours, never of a user."""

    key = "tenancy.unscoped"
    status = 500


def require_tenant_id() -> int:
    """Return the tenant in force. **Raises** TenancyError outside ``tenant_scope``."""
    tenant_id = current_tenant_id.get()
    if tenant_id is None:
        raise TenancyError("No tenant is in scope; wrap this in tenancy.scoping.tenant_scope(tenant_id).")
    return tenant_id
