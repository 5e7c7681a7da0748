"""The paper: what stands on an invoice, in both languages, with fonts in the file."""

from __future__ import annotations

from io import BytesIO

import pytest
from django.utils import translation
from pypdf import PdfReader

from forgeline.billing import invoicing, paper, subscriptions
from forgeline.billing.models import Invoice, Kind, Seller
from forgeline.tenancy.models import Tenant
from tests.billing.conftest import Customer


def _read(pdf: bytes) -> tuple[str, set[str]]:
    pages = PdfReader(BytesIO(pdf)).pages
    fonts = {
        str(font.get_object()["/BaseFont"])
        for page in pages
        for font in page["/Resources"]["/Font"].values()  # type: ignore[index]
    }
    return "\n".join(page.extract_text() for page in pages), fonts


@pytest.mark.parametrize("language", ["en", "zh-hans"])
def test_an_invoice_says_everything_in_its_language(customer: Customer, language: str) -> None:
    Seller.objects.create(
        title="炼线科技 Forgeline Ltd", tax_number="9131X", bank={"CNY": "工商银行 6222 0000"}
    )
    Tenant.objects.update(language=language)
    customer.name("上海爱丽丝冲压有限公司")
    customer.choose("starter")
    customer.wait(10)
    customer.choose("professional")
    invoice = Invoice.objects.first()
    assert invoice is not None
    text, fonts = _read(paper.print_invoice(invoicing.get_invoice(invoice.pk)))
    for word in ("上海爱丽丝冲压有限公司", "炼线科技 Forgeline Ltd", "91310000MA1FL0XX0X", "工商银行 6222 0000",
                 invoice.number, "CNY 642.21", "CNY -192.21", "CNY 27.00", "CNY 477.00"):  # fmt: skip
        assert word.replace(" ", "") in text.replace(" ", "").replace("\n", ""), word
    assert ("Invoice" in text) is (language == "en")
    assert ("发票" in text or "账单" in text) is (language != "en")
    assert all("Noto" in font for font in fonts), fonts


def test_a_paper_is_the_same_each_time(customer: Customer) -> None:
    customer.name()
    customer.choose("starter")
    invoice = invoicing.get_invoice(Invoice.objects.get().pk)
    first = paper.describe(invoice)
    assert paper.describe(invoicing.get_invoice(invoice.pk)) == first
    assert invoicing.recount(invoice) == invoice.used


def test_what_is_taken_back_says_so_and_names_whom_it_was_made_out_to(customer: Customer) -> None:
    customer.name("Old Name GmbH")
    customer.choose("starter")
    first = Invoice.objects.get()
    customer.name("New Name GmbH")
    note = subscriptions.correct_invoice(first.pk, reason="Wrong name", reissue=True, now=customer.now)
    assert (note.buyer["title"], note.buyer["tax_number"]) == ("Old Name GmbH", first.buyer["tax_number"])
    anew = Invoice.objects.filter(kind=Kind.INVOICE).latest("pk")
    assert anew.buyer["title"] == "New Name GmbH"
    with translation.override("en"):
        told = paper.describe(invoicing.get_invoice(first.pk))
        assert ["Taken back by", note.number] in told["facts"]
        [(how, _amount)] = told["paid"]
        assert how.startswith("From the credit balance, ")
        assert all(
            fact[0] != "Taken back by" for fact in paper.describe(invoicing.get_invoice(anew.pk))["facts"]
        )
