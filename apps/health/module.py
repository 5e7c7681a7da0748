"""What machine health declares: permissions, pages, events, jobs, cards."""

from django.utils.translation import gettext_lazy as _

from forgeline.modules.manifest import EventType, MachinePanel, Manifest, NavigationItem, OverviewCard

MANIFEST = Manifest(
    key="health",
    title=_("Machine health and maintenance"),
    is_switchable=True,
    permissions=("health.view", "health.request", "health.work", "health.plan", "health.manage"),
    branch_permissions=("health.view", "health.request", "health.work", "health.plan"),
    metrics=(
        "health.mtbf_h", "health.mttr_h", "health.availability", "health.planned_share", "health.maintenance_cost",
    ),
    records={
        "health.work_order": _("Work order"),
        "health.plan": _("Maintenance plan"),
        "health.part": _("Spare part"),
        "health.route": _("Inspection route"),
        "health.machine": _("Machine record"),
        "health.file": _("Document"),
        "health.reason": _("Downtime reason"),
        "health.terms": _("Terms of maintenance"),
        "health.advisory": _("Advisory"),
        "health.model": _("Model version"),
    },
    messages={"health.advisory": _("An advisory about a machine")},
    events=(
        EventType(
            "health.work_order.closed", _("Work order closed"),
            {
                "id": 42, "number": 17, "title": "Change the oil", "asset": 7, "kind": "preventive", "state": "done",
                "priority": "medium", "by": "Wang", "cost": 380.0,
            },
        ),
    ),
    navigation=(
        NavigationItem(_("Maintenance"), "health:board", "health.view", section="modules", order=10),
        NavigationItem(_("Machine health"), "health:conditions", "health.view", section="modules", order=15),
        NavigationItem(_("Effect of monitoring"), "health:effect", "health.view", section="modules", order=16),
        NavigationItem(_("Inspections"), "health:routes", "health.view", section="modules", order=20),
    ),
    overview_cards=(
        OverviewCard("health.due", "pages/parts/card.html", "apps.health.cards.due_card", "health.view", 30),
        OverviewCard(
            "health.advisories", "pages/parts/card.html", "apps.health.cards.advisory_card", "health.view", 31
        ),
    ),
    machine_panels=(
        MachinePanel(
            "health.maintenance", "health/parts/of_machine.html", "apps.health.cards.machine_panel", "health.view", 10
        ),
    ),
    beat={"health.make_due_orders": 60.0, "health.watch_machines": 60.0, "health.train_models": 60.0},
    long_tasks=("health.watch_*", "health.train_*"),
    enum_names={
        "AdvisoryKindEnum": "apps.health.models.condition.AdvisoryKind",
        "ModelVersionStateEnum": "apps.health.models.ledger.VersionState",
        "WorkOrderStateEnum": "apps.health.models.orders.State",
        "WorkOrderKindEnum": "apps.health.models.orders.OrderKind",
        "WorkOrderPriorityEnum": "apps.health.models.orders.OrderPriority",
        "ChecklistKindEnum": "apps.health.models.orders.ItemKind",
        "ChecklistResultEnum": "apps.health.models.orders.ItemResult",
        "DocumentKindEnum": "apps.health.models.register.FileKind",
        "StockMoveKindEnum": "apps.health.models.stock.MoveKind",
        "InspectionStateEnum": "apps.health.models.inspections.Pass",
    },
    profile_sections={
        "maintenance": "apps.health.profiles.check_section",
        "health": "apps.health.profile_features.check_section",
    },
    urls="apps.health.urls",
    api_urls="apps.health.api_urls",
)  # fmt: skip
"""request: tell of a fault; work: orders, checklists, inspections, photos; plan: approve, plans, parts, routes, labels;
manage: reasons of downtime, what an hour costs."""
