"""The ways of paying that this installation offers. A new one is one line here."""

from __future__ import annotations

from forgeline.billing.gateways.bank_transfer import BankTransfer
from forgeline.billing.gateways.base import Gateway

GATEWAYS: tuple[Gateway, ...] = (BankTransfer(),)
