"""Work orders with checklist, labour, parts and journal; reasons of downtime. Not here: which step is legal (rules)."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _, pgettext_lazy

from apps.health.models.stock import SparePart
from forgeline.assets.models import Asset
from forgeline.assets.models.naming import Named, in_reading
from forgeline.identity.models import User
from forgeline.tenancy.models import TenantModel


class DowntimeReason(Named, TenantModel):
    """Why a machine stood; ``is_planned`` tells maintenance that was meant from a failure."""

    is_planned = models.BooleanField(_("planned"), default=False)
    retired_at = models.DateTimeField(null=True)

    class Meta(TenantModel.Meta):
        verbose_name = _("downtime reason")
        ordering = ["name"]
        constraints = [models.UniqueConstraint(fields=["tenant", "name"], name="health_reason_once")]

    def __str__(self) -> str:
        return self.name


class State(models.TextChoices):
    """From EN 13306:2017 §7 in the words of the shop floor."""

    REQUESTED = "requested", _("Requested")
    APPROVED = "approved", _("Approved")
    PLANNED = "planned", _("Planned")
    IN_PROGRESS = "in_progress", _("In progress")
    DONE = "done", _("Done")
    VERIFIED = "verified", pgettext_lazy("work order", "Verified")
    REJECTED = "rejected", _("Rejected")
    CANCELLED = "cancelled", _("Cancelled")


class OrderKind(models.TextChoices):
    CORRECTIVE = "corrective", _("Corrective")
    PREVENTIVE = "preventive", _("Preventive")
    CONDITION = "condition", _("By condition")
    INSPECTION = "inspection", _("From an inspection")
    IMPROVEMENT = "improvement", _("Improvement")


class OrderPriority(models.TextChoices):
    URGENT = "urgent", _("Urgent")
    HIGH = "high", _("High")
    MEDIUM = "medium", _("Medium")
    LOW = "low", _("Low")


class WorkOrder(TenantModel):
    """One piece of work on a machine, from the request to the check that it is good."""

    number = models.PositiveIntegerField(_("number"))
    asset = models.ForeignKey(Asset, on_delete=models.PROTECT, related_name="+")
    kind = models.CharField(_("kind"), max_length=12, choices=OrderKind.choices)
    state = models.CharField(_("state"), max_length=12, choices=State.choices, default=State.REQUESTED)
    priority = models.CharField(
        _("priority"), max_length=8, choices=OrderPriority.choices, default=OrderPriority.MEDIUM
    )
    title = models.CharField(_("what is to be done"), max_length=160)
    titles = models.JSONField(_("what is to be done, by language"), default=dict, blank=True)
    """Language → title, as ``Named.names``; a title that is changed has no others."""
    text = models.TextField(_("details"), max_length=4000, blank=True)
    remedy = models.TextField(_("what was found and done"), max_length=4000, blank=True)
    requested_by = models.CharField(_("requested by"), max_length=160, blank=True)
    assignee = models.ForeignKey(User, on_delete=models.SET_NULL, null=True, blank=True, related_name="+")
    due_at = models.DateTimeField(_("due"), null=True, blank=True)
    planned_at = models.DateTimeField(_("planned for"), null=True, blank=True)
    started_at = models.DateTimeField(null=True)
    done_at = models.DateTimeField(null=True)
    verified_at = models.DateTimeField(null=True)
    created_at = models.DateTimeField()
    plan = models.ForeignKey(
        "health.MaintenancePlan", on_delete=models.SET_NULL, null=True, related_name="work_orders"
    )
    plan_turn = models.BigIntegerField(null=True)
    """Which due of its plan; there is one order for each."""
    follows = models.ForeignKey("self", on_delete=models.SET_NULL, null=True, related_name="follow_ups")
    downtime_reason = models.ForeignKey(
        DowntimeReason, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    down_from = models.DateTimeField(_("machine stood from"), null=True, blank=True)
    down_to = models.DateTimeField(_("machine stood until"), null=True, blank=True)
    labour_minutes = models.PositiveIntegerField(default=0)
    labour_cost = models.DecimalField(max_digits=14, decimal_places=2, default=0)
    parts_cost = models.DecimalField(max_digits=14, decimal_places=2, default=0)
    external_cost = models.DecimalField(_("external cost"), max_digits=14, decimal_places=2, default=0)

    class Meta(TenantModel.Meta):
        verbose_name = _("work order")
        constraints = [
            models.UniqueConstraint(fields=["tenant", "number"], name="health_order_number_once"),
            models.UniqueConstraint(
                fields=["plan", "plan_turn"], condition=models.Q(plan__isnull=False), name="health_order_once_a_due"
            ),
            models.CheckConstraint(condition=models.Q(external_cost__gte=0), name="health_order_cost_positive"),
        ]  # fmt: skip
        indexes = [
            models.Index(fields=["tenant", "state", "due_at"], name="health_order_board"),
            models.Index(fields=["asset", "-created_at"], name="health_order_of_machine"),
        ]

    def __str__(self) -> str:
        return f"#{self.number} {self.heading}"

    @property
    def heading(self) -> str:
        """The title in the reader's language."""
        return in_reading(self.titles, self.title)


class OrderEntry(TenantModel):
    """The journal of an order: each step, by whom; never changed."""

    work_order = models.ForeignKey(WorkOrder, on_delete=models.CASCADE, related_name="entries")
    from_state = models.CharField(max_length=12, blank=True)
    to_state = models.CharField(max_length=12)
    text = models.CharField(max_length=1000, blank=True)
    by = models.CharField(max_length=160)
    at = models.DateTimeField()

    class Meta(TenantModel.Meta):
        ordering = ["id"]

    def __str__(self) -> str:
        return f"{self.work_order_id} → {self.to_state}"


class ItemKind(models.TextChoices):
    CHECK = "check", _("OK or not")
    VALUE = "value", _("Measured value")


class ItemResult(models.TextChoices):
    OPEN = "", _("open")
    OK = "ok", _("OK")
    NOT_OK = "not_ok", _("Not OK")


class CheckItem(TenantModel):
    """One line of an order's checklist; a value outside of its limits may open an order that follows."""

    work_order = models.ForeignKey(WorkOrder, on_delete=models.CASCADE, related_name="items")
    position = models.PositiveSmallIntegerField()
    text = models.CharField(max_length=300)
    kind = models.CharField(max_length=5, choices=ItemKind.choices, default=ItemKind.CHECK)
    unit = models.CharField(max_length=20, blank=True)
    low = models.FloatField(null=True)
    high = models.FloatField(null=True)
    opens_follow_up = models.BooleanField(default=False)
    result = models.CharField(max_length=6, choices=ItemResult.choices, default=ItemResult.OPEN, blank=True)
    value = models.FloatField(null=True)
    note = models.CharField(max_length=300, blank=True)
    by = models.CharField(max_length=160, blank=True)
    at = models.DateTimeField(null=True)
    follow_up = models.ForeignKey(WorkOrder, on_delete=models.SET_NULL, null=True, related_name="+")

    class Meta(TenantModel.Meta):
        ordering = ["position"]
        constraints = [models.UniqueConstraint(fields=["work_order", "position"], name="health_item_once")]

    def __str__(self) -> str:
        return self.text


class LabourEntry(TenantModel):
    """Time that somebody worked on an order, at the rate of that day."""

    work_order = models.ForeignKey(WorkOrder, on_delete=models.CASCADE, related_name="labour")
    person = models.CharField(max_length=160)
    minutes = models.PositiveIntegerField()
    rate = models.DecimalField(max_digits=10, decimal_places=2)
    at = models.DateTimeField()

    class Meta(TenantModel.Meta):
        ordering = ["id"]
        constraints = [
            models.CheckConstraint(condition=models.Q(minutes__gt=0), name="health_labour_positive")
        ]

    def __str__(self) -> str:
        return f"{self.person} {self.minutes} min"


class PartUse(TenantModel):
    """Parts that went into an order, at what they cost when they were taken."""

    work_order = models.ForeignKey(WorkOrder, on_delete=models.CASCADE, related_name="parts")
    part = models.ForeignKey(SparePart, on_delete=models.PROTECT, related_name="+")
    quantity = models.DecimalField(max_digits=12, decimal_places=3)
    unit_cost = models.DecimalField(max_digits=12, decimal_places=2)
    at = models.DateTimeField()

    class Meta(TenantModel.Meta):
        ordering = ["id"]

    def __str__(self) -> str:
        return f"{self.part_id} × {self.quantity}"
