"""A worker's turn at some machines: judged one after the other, each stretch kept by itself, noted as a run.

Not here: what is judged (condition), when a turn is asked for (tasks).
"""

from __future__ import annotations

import logging
import time
from collections import deque

from django.db import DatabaseError

from apps.health.services.condition import HOURS_A_RUN, count_due, judge_machine
from apps.health.services.runs import advance_run, begin_run, end_run
from forgeline.base.errors import ForgelineError
from forgeline.tenancy.scoping import tenant_scope

MACHINES_A_TURN = 50
_FAULTS = (ForgelineError, DatabaseError, ValueError, ArithmeticError, LookupError)

_log = logging.getLogger(__name__)


class Turn:
    """Machines that wait in a ring: each step judges a stretch of one; a machine that fails leaves the others be."""

    def __init__(self, tenant_id: int, asset_ids: list[int]) -> None:
        self._tenant_id = tenant_id
        self._ring = deque(asset_ids)
        self._fault = ""
        with tenant_scope(tenant_id, branches=()):
            due = count_due(asset_ids)
            # Machines that tell nothing are looked at every minute; that is no run.
            self._run_id = begin_run(machines=len(asset_ids), due=due) if due else None

    @property
    def goes_on(self) -> bool:
        return bool(self._ring)

    def step(self) -> None:
        """Judge a stretch of the next machine; one that has more to do waits behind the others."""
        asset_id = self._ring.popleft()
        began = time.thread_time()
        try:
            with tenant_scope(self._tenant_id, branches=()):
                hours = judge_machine(asset_id)
                if hours and self._run_id is not None:
                    advance_run(self._run_id, hours=hours, cpu_s=time.thread_time() - began)
        except _FAULTS as error:
            _log.exception("machine %d was not judged", asset_id)
            self._fault = f"{type(error).__name__}: {error}"
            return
        if hours == HOURS_A_RUN:
            self._ring.append(asset_id)

    def end(self) -> None:
        """Note that the turn is over."""
        if self._run_id is not None:
            with tenant_scope(self._tenant_id, branches=()):
                end_run(self._run_id, fault=self._fault)
