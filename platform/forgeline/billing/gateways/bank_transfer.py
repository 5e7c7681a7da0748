"""Payment by bank transfer: the invoice says where to, the operator marks what came in."""

from __future__ import annotations

from django.utils.translation import gettext as _, pgettext

from forgeline.billing.gateways.base import HowToPay
from forgeline.billing.models import Invoice
from forgeline.billing.money import words


class BankTransfer:
    """Nothing happens by itself: the operator notes each payment (``invoicing.pay``)."""

    key = "bank_transfer"

    def is_offered(self, invoice: Invoice) -> bool:
        return True

    def explain(self, invoice: Invoice, open_amount: int) -> HowToPay:
        account = str(invoice.seller.get("bank", {}).get(invoice.currency, ""))
        return HowToPay(
            _("By bank transfer"),
            (
                (pgettext("payment", "To"), str(invoice.seller.get("title", ""))),
                (pgettext("invoice", "Account"), account or _("Ask the operator of this service.")),
                (pgettext("invoice", "Amount"), words(open_amount, invoice.currency)),
                (pgettext("invoice", "Reference"), invoice.number),
            ),
        )
