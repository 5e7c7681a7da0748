"""Plan, Price, Subscription, Usage, Invoice and what was paid. Amounts are whole cents (fen) of the currency."""

from __future__ import annotations

from typing import Any, ClassVar

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.utils.translation import get_language, gettext_lazy as _

from forgeline.tenancy.context import require_tenant_id
from forgeline.tenancy.models import TenantManager, TenantModel


class Currency(models.TextChoices):
    CNY = "CNY", "CNY"
    EUR = "EUR", "EUR"
    USD = "USD", "USD"


class Period(models.TextChoices):
    MONTH = "month", _("monthly")
    YEAR = "year", _("yearly")


class Plan(models.Model):
    """What is sold; the same for every company, and the operator's to change."""

    key = models.SlugField(primary_key=True, max_length=20)
    names = models.JSONField(default=dict)
    """Language → name."""
    limits = models.JSONField(default=dict)
    """Kinds of ``entitlements.rights``; what is absent is unlimited."""
    modules = ArrayField(models.CharField(max_length=40), null=True)
    position = models.PositiveSmallIntegerField(default=0)
    """Also the rank: a plan with a higher one is an upgrade."""
    is_offered = models.BooleanField(default=True)

    class Meta:
        ordering = ["position"]

    def __str__(self) -> str:
        return self.title

    @property
    def title(self) -> str:
        """The name in the language in force."""
        return str(self.names.get(get_language() or "en") or self.names.get("en") or self.key)


class Price(models.Model):
    """What a plan costs for a period, before tax."""

    plan = models.ForeignKey(Plan, on_delete=models.CASCADE, related_name="prices")
    currency = models.CharField(max_length=3, choices=Currency)
    monthly = models.PositiveBigIntegerField()
    yearly = models.PositiveBigIntegerField()
    tax_bp = models.PositiveIntegerField()
    """Hundredths of a per cent."""

    class Meta:
        constraints = [models.UniqueConstraint(fields=["plan", "currency"], name="billing_price_once")]

    def __str__(self) -> str:
        return f"{self.plan_id} {self.currency}"

    def amount(self, period: str) -> int:
        """The price of a period."""
        return self.yearly if period == Period.YEAR else self.monthly


class State(models.TextChoices):
    TRIAL = "trial", _("trial")
    ACTIVE = "active", _("active")
    PAST_DUE = "past_due", _("past due")
    GRACE = "grace", _("period of grace")
    SUSPENDED = "suspended", _("suspended")
    CLOSED = "closed", _("closed")


class Subscription(TenantModel):
    """What a company has, until when, and what comes next. Days are those of the company's time zone."""

    plan = models.ForeignKey(Plan, on_delete=models.PROTECT, related_name="+")
    currency = models.CharField(max_length=3, choices=Currency)
    period = models.CharField(max_length=5, choices=Period, default=Period.MONTH)
    state = models.CharField(max_length=9, choices=State, default=State.TRIAL)
    state_since = models.DateField()
    began_on = models.DateField(null=True)
    """Day of the trial's beginning; null where it began before this was noted."""
    zone = models.CharField(max_length=64)
    from_on = models.DateField()
    """First day of the period that runs."""
    to_on = models.DateField()
    """First day after it."""
    anchor_day = models.PositiveSmallIntegerField(default=1)
    """Day of the month on which periods begin, where the month has it."""
    next_plan = models.ForeignKey(Plan, on_delete=models.PROTECT, null=True, related_name="+")
    next_period = models.CharField(max_length=5, choices=Period, blank=True)
    balance = models.PositiveBigIntegerField(default=0)
    """What the company has paid beyond what it owes; what is open is drawn on it, the oldest first."""
    title = models.CharField(_("name on the invoice"), max_length=200, blank=True)
    """发票抬头"""
    tax_number = models.CharField(_("tax number"), max_length=40, blank=True)
    address = models.CharField(_("address"), max_length=300, blank=True)
    bank = models.CharField(_("bank and account"), max_length=200, blank=True)
    email = models.EmailField(_("e-mail for invoices"), blank=True)
    warned_at = models.JSONField(default=dict)
    """Month → the highest share of the samples of the plan that was told."""

    class Meta(TenantModel.Meta):
        constraints = [models.UniqueConstraint(fields=["tenant"], name="billing_subscription_once")]

    def __str__(self) -> str:
        return f"{self.plan_id} ({self.state})"


class Usage(TenantModel):
    """What a company used in one hour (UTC). The source of every number on an invoice."""

    hour = models.DateTimeField()
    samples_stored = models.BigIntegerField(default=0)
    """New samples; one that replaced another of the same time is not counted."""
    gb_days = models.FloatField(default=0.0)
    active_devices = models.PositiveIntegerField(default=0)
    cpu_s = models.FloatField(default=0.0)
    """Of model jobs."""
    notifications = models.PositiveIntegerField(default=0)
    api_calls = models.BigIntegerField(default=0)

    class Meta(TenantModel.Meta):
        constraints = [models.UniqueConstraint(fields=["tenant", "hour"], name="billing_usage_once")]

    def __str__(self) -> str:
        return f"usage of {self.tenant_id} at {self.hour}"


class Kind(models.TextChoices):
    INVOICE = "invoice", _("invoice")
    CREDIT = "credit", _("credit note")


class KeptModel(models.Model):
    """Base of what outlives the company that it is about: no foreign key to it. Row-level security is the same."""

    tenant_id = models.BigIntegerField(editable=False, default=require_tenant_id)

    objects: ClassVar[TenantManager] = TenantManager()

    class Meta:
        abstract = True
        base_manager_name = "objects"
        default_manager_name = "objects"


class Invoice(KeptModel):
    """An invoice or a credit note; the database refuses to change or remove what was issued."""

    kind = models.CharField(max_length=7, choices=Kind)
    number = models.CharField(max_length=24, unique=True)
    corrects = models.ForeignKey("self", on_delete=models.PROTECT, null=True, related_name="corrections")
    reason = models.CharField(max_length=200, blank=True)
    """Why the operator took an invoice back; stands on the credit note."""
    issued_on = models.DateField()
    due_on = models.DateField()
    currency = models.CharField(max_length=3)
    language = models.CharField(max_length=10)
    seller = models.JSONField()
    buyer = models.JSONField()
    net = models.BigIntegerField()
    tax = models.BigIntegerField()
    total = models.BigIntegerField()
    """Negative on a credit note."""
    used_from = models.DateTimeField()
    used_to = models.DateTimeField()
    used = models.JSONField()
    """Sums of ``billing_usage`` over ``[used_from, used_to)``, told on the invoice."""

    class Meta(KeptModel.Meta):
        ordering = ["-id"]

    def __str__(self) -> str:
        return self.number


class InvoiceLine(KeptModel):
    """One line: what, for which days, at which price and tax."""

    invoice = models.ForeignKey(Invoice, on_delete=models.PROTECT, related_name="lines")
    position = models.PositiveSmallIntegerField()
    what = models.CharField(max_length=20)
    """subscription | unused | correction: a word of ``billing.wording``."""
    plan = models.CharField(max_length=20)
    period = models.CharField(max_length=5)
    from_on = models.DateField()
    to_on = models.DateField()
    days = models.PositiveIntegerField()
    of_days = models.PositiveIntegerField()
    price = models.BigIntegerField()
    """Of the whole period."""
    net = models.BigIntegerField()
    tax_bp = models.PositiveIntegerField()

    class Meta(KeptModel.Meta):
        ordering = ["position"]

    def __str__(self) -> str:
        return f"{self.what} {self.plan}"


class Payment(KeptModel):
    """What was paid of an invoice, or drawn on the balance for it."""

    invoice = models.ForeignKey(Invoice, on_delete=models.PROTECT, related_name="payments")
    amount = models.BigIntegerField()
    gateway = models.CharField(max_length=30)
    reference = models.CharField(max_length=120)
    paid_on = models.DateField()
    noted_at = models.DateTimeField(auto_now_add=True)
    noted_by = models.CharField(max_length=120)

    class Meta(KeptModel.Meta):
        ordering = ["id"]
        constraints = [
            models.UniqueConstraint(fields=["gateway", "reference", "invoice"], name="billing_payment_once")
        ]

    def __str__(self) -> str:
        return f"{self.amount} of {self.invoice_id}"


class MailFault(models.TextChoices):
    """Why the last try to mail an invoice failed; ``Letter.detail`` is the server's code, or the kind of error."""

    REFUSED = "refused", _("the mail server refuses it")
    AWAY = "away", _("the mail server cannot be reached")
    PAPER = "paper", _("its PDF cannot be made")


class Letter(TenantModel):
    """The e-mail of an invoice on its way. Written with the invoice, so that none is lost where nobody could be called
    to send it; without an address for invoices there is none.
    """

    invoice = models.OneToOneField(Invoice, on_delete=models.PROTECT, related_name="letter")
    address = models.EmailField()
    attempts = models.PositiveSmallIntegerField(default=0)
    due_at = models.DateTimeField(null=True)
    """When it is tried (again); None once it is over."""
    sent_at = models.DateTimeField(null=True)
    """When a mail server took it."""
    fault = models.CharField(max_length=7, choices=MailFault, blank=True)
    detail = models.CharField(max_length=60, blank=True)

    class Meta(TenantModel.Meta):
        indexes = [
            models.Index(
                fields=["due_at"], name="billing_letter_unsent", condition=models.Q(sent_at__isnull=True)
            )
        ]

    def __str__(self) -> str:
        return f"{self.invoice_id} → {self.address}"


class Series(models.Model):
    """The last number given in a series (``FL-2026``). Locked while an invoice is issued, so that none is left out."""

    key = models.CharField(primary_key=True, max_length=20)
    last = models.PositiveIntegerField(default=0)

    def __str__(self) -> str:
        return f"{self.key}: {self.last}"


class Seller(models.Model):
    """Who sells: the operator of this installation, as invoices name them. One row."""

    title = models.CharField(_("name"), max_length=200)
    address = models.CharField(_("address"), max_length=300, blank=True)
    tax_number = models.CharField(_("tax number"), max_length=40, blank=True)
    bank = models.JSONField(_("bank and account"), default=dict)
    """Currency → where to pay to."""

    def __str__(self) -> str:
        return self.title


class UnitCosts(TenantModel):
    """What the operator reckons a unit to cost it, in one currency; the operator's own, behind its wall."""

    currency = models.CharField(max_length=3, choices=Currency)
    per_million_samples = models.DecimalField(_("a million samples stored"), max_digits=14, decimal_places=8)
    per_gb_day = models.DecimalField(_("a gigabyte for a day"), max_digits=14, decimal_places=8)
    per_cpu_s = models.DecimalField(_("a second of model jobs"), max_digits=14, decimal_places=8)
    per_notification = models.DecimalField(_("a message sent"), max_digits=14, decimal_places=8)
    per_api_call = models.DecimalField(_("a call of the API"), max_digits=14, decimal_places=8)

    class Meta(TenantModel.Meta):
        constraints = [models.UniqueConstraint(fields=["tenant", "currency"], name="billing_unitcosts_once")]

    def __str__(self) -> str:
        return f"unit costs in {self.currency}"


def seller_facts() -> dict[str, Any]:
    """Return who sells, as an invoice keeps it."""
    row = Seller.objects.first()
    if row is None:
        return {"title": "Forgeline", "address": "", "tax_number": "", "bank": {}}
    return {"title": row.title, "address": row.address, "tax_number": row.tax_number, "bank": row.bank}
