"""Which connections run in this process: reconcile what is wanted with what runs. Not here: who wants it (leases)."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from structlog.contextvars import bound_contextvars

from connectors.contract import BindingSpec, ConnectionState, Driver
from connectors.runtime.counters import Counters
from connectors.runtime.pipeline import Pipeline
from connectors.runtime.supervisor import Resolver, Supervisor


@dataclass(frozen=True, slots=True, eq=False)
class Plan:
    """A connection as it should run. ``make_driver`` may raise OptionsError: the connection is faulted then."""

    key: str
    """``connection:12`` or ``broker:0``."""
    fingerprint: Any
    """Equal for equal options: where it differs, the driver is made anew; where only bindings differ, it is not."""
    make_driver: Callable[[], Driver]
    bindings: Sequence[BindingSpec]
    counters: Counters
    counters_of: Mapping[str, Counters] | None = None
    resolver: Resolver | None = None
    tenant_id: int | None = None
    """For the log; None for the platform's own broker, which carries all tenants."""


@dataclass(slots=True, eq=False)
class Fleet:
    """The supervisors of this process."""

    pipeline: Pipeline
    running: dict[str, Supervisor] = field(default_factory=dict)
    _plans: dict[str, Plan] = field(default_factory=dict)

    async def apply(self, plan: Plan) -> None:
        """Start the connection, or change it to the plan; one that was faulted is tried again."""
        known = self._plans.get(plan.key)
        is_same = known is not None and known.fingerprint == plan.fingerprint
        if is_same and self.running[plan.key].state != ConnectionState.FAULTED:
            assert known is not None
            self._plans[plan.key] = plan
            # Mostly the very same list: a hundred thousand bindings are not compared every two seconds.
            if known.bindings is not plan.bindings and list(known.bindings) != list(plan.bindings):
                await self.running[plan.key].rebind(plan.bindings)
            return
        if known is not None:
            await self.stop(plan.key)
        supervisor = Supervisor(
            plan.key, plan.make_driver, self.pipeline, plan.counters,
            bindings=plan.bindings, counters_of=plan.counters_of, resolver=plan.resolver,
        )  # fmt: skip
        self.running[plan.key] = supervisor
        self._plans[plan.key] = plan
        # Its tasks are made in this context, so that every line they log names the connection and its tenant.
        with bound_contextvars(connection=plan.key, tenant_id=plan.tenant_id):
            supervisor.start()

    async def stop(self, key: str) -> None:
        """Stop one connection; nothing happens where it doesn't run."""
        self._plans.pop(key, None)
        supervisor = self.running.pop(key, None)
        if supervisor is not None:
            await supervisor.stop()

    async def stop_all(self) -> None:
        """Stop every connection at once."""
        await asyncio.gather(*(self.stop(key) for key in list(self.running)))
