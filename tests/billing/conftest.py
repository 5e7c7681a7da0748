"""A company that has just signed up, and a clock that a test moves by days."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from forgeline.billing import subscriptions
from forgeline.billing.models import Subscription
from forgeline.tenancy.scoping import tenant_scope
from tests.conftest import Company
from tests.telemetry.conftest import foreign_plant, plant, quiet_ingest

__all__ = ["foreign_plant", "plant", "quiet_ingest"]

START = datetime(2026, 1, 31, 9, tzinfo=UTC)


class Customer:
    """What a company does with its subscription, on the days of the test."""

    def __init__(self, company: Company) -> None:
        self.company = company
        self.now = START

    def wait(self, days: int) -> Subscription:
        """Let days pass, with the task of each."""
        row = None
        for _day in range(days):
            self.now += timedelta(days=1)
            row = subscriptions.advance(now=self.now)
        return row or self.row

    @property
    def row(self) -> Subscription:
        row = subscriptions.get_subscription()
        assert row is not None
        return row

    def name(self, title: str = "Alice Stamping Ltd") -> None:
        Subscription.objects.update(title=title, tax_number="91310000MA1FL0XX0X")

    def choose(self, plan: str, period: str = "month", *, at_once: bool = True) -> Subscription:
        return subscriptions.change_plan(plan, period, at_once=at_once, now=self.now)


@pytest.fixture
def customer(company: Company) -> Iterator[Customer]:
    """Alice's company in its trial, in yuan and Shanghai's days; the test runs in its scope."""
    with tenant_scope(company.tenant_id):
        found = Customer(company)
        subscriptions.start_trial(currency="CNY", zone="Asia/Shanghai", now=START)
        yield found
