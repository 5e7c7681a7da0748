"""Addresses of the pages of maintenance."""

from django.urls import path

from apps.health.pages import (
    board,
    condition,
    effect,
    figures,
    inspecting,
    models,
    orders,
    plans,
    register,
    report,
    runs,
    store,
)

app_name = "health"

urlpatterns = [
    path("", board.board, name="board"),
    path("calendar/", board.calendar, name="calendar"),
    path("orders/", orders.orders, name="orders"),
    path("orders/new/", orders.new_order, name="new_order"),
    path("orders/<int:work_order_id>/", orders.order, name="order"),
    path("orders/<int:work_order_id>/move/", orders.move, name="move_order"),
    path("plans/", plans.plans, name="plans"),
    path("plans/new/", plans.new_plan, name="new_plan"),
    path("plans/<int:plan_id>/", plans.plan, name="plan"),
    path("parts/", store.parts, name="parts"),
    path("parts/new/", store.new_part, name="new_part"),
    path("parts/<int:part_id>/", store.part, name="part"),
    path("routes/", inspecting.routes, name="routes"),
    path("routes/new/", inspecting.new_route, name="new_route"),
    path("routes/<int:inspection_route_id>/", inspecting.route, name="route"),
    path("inspections/<int:inspection_id>/", inspecting.inspection, name="inspection"),
    path("condition/", condition.conditions, name="conditions"),
    path("condition/<int:asset_id>/", condition.condition, name="condition"),
    path("condition/advisories/", condition.advisories, name="advisories"),
    path("condition/advisories/<int:advisory_id>/", condition.advisory, name="advisory"),
    path("condition/models/", models.models, name="models"),
    path("condition/models/<int:version_id>/", models.version, name="version"),
    path("condition/models/<slug:key>/", models.model, name="model"),
    path("condition/runs/", runs.runs, name="runs"),
    path("effect/", effect.effect, name="effect"),
    path("effect.pdf", effect.effect_paper, name="effect_paper"),
    path("machines/", register.machines, name="machines"),
    path("machines/labels.pdf", register.labels, name="labels"),
    path("machines/<int:asset_id>/", register.machine, name="machine"),
    path("files/<int:file_id>/", register.file, name="file"),
    path("figures/", figures.figures, name="figures"),
    path("terms/", figures.terms, name="terms"),
    path("files.csv", figures.export, name="export"),
    path("report/<str:token>/", report.report, name="report"),
]
