"""What billing declares: permissions, navigation, the addresses of its API and what stays open without payment."""

from django.utils.translation import gettext_lazy as _

from forgeline.modules.manifest import EventType, Manifest, NavigationItem

MANIFEST = Manifest(
    key="billing",
    title=_("Plan and invoices"),
    # Neither looked at nor built with: whoever has it decides on the company's money.
    permissions=("billing.pay",),
    records={"billing.costs": _("Unit costs"), "billing.subscription": _("Subscription")},
    messages={
        "billing.quota": _("A limit of the plan is near or reached"),
        "billing.overdue": _("An invoice is overdue"),
    },
    events=(
        EventType(
            "billing.invoice.issued",
            _("Invoice issued"),
            {"id": 7, "number": "FL-2026-000007", "total": 31694, "currency": "CNY", "due_on": "2026-12-08"},
        ),
        EventType(
            "billing.invoice.paid",
            _("Invoice paid"),
            {
                "id": 7,
                "number": "FL-2026-000007",
                "amount": 31694,
                "currency": "CNY",
                "paid_on": "2026-11-30",
            },
        ),
    ),
    navigation=(
        NavigationItem(_("Plan and invoices"), "web:plan", "billing.pay", section="company", order=60),
    ),
    open_paths=(
        "/company/plan/",
        "/api/v1/subscription/",
        "/api/v1/invoices/",
        "/api/v1/plans/",
        "/api/v1/usage/",
    ),
    api_urls="forgeline.billing.api_urls",
)
