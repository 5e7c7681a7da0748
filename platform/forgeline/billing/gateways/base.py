"""What a way of paying has to do. Forgeline never sees a card number: a gateway sends people to its own page."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from forgeline.billing.models import Invoice


@dataclass(frozen=True, slots=True)
class HowToPay:
    """What the page of an invoice shows: words in the reader's language, and an address where there is one to go to."""

    title: str
    facts: tuple[tuple[str, str], ...] = ()
    url: str = ""


class Gateway(Protocol):
    """One way of paying."""

    key: str

    def is_offered(self, invoice: Invoice) -> bool:
        """Say whether this invoice can be paid so: its currency, what the operator has set up."""

    def explain(self, invoice: Invoice, open_amount: int) -> HowToPay:
        """Return how to pay what is open, in the language in force."""
