"""A corner of its own for each test's counters of tries."""

from __future__ import annotations

from tests.identity.conftest import _own_corner

__all__ = ["_own_corner"]
