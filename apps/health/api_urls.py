"""Addresses of the API of maintenance."""

from django.urls import path
from rest_framework.routers import SimpleRouter

from apps.health.api import condition, effect, inspections, orders, register, runs, store

router = SimpleRouter()
router.register("work-orders", orders.WorkOrderViewSet, basename="work-order")
router.register("maintenance-plans", store.PlanViewSet, basename="maintenance-plan")
router.register("spare-parts", store.PartViewSet, basename="spare-part")
router.register("inspection-routes", inspections.RouteViewSet, basename="inspection-route")
router.register("inspections", inspections.InspectionViewSet, basename="inspection")
router.register("machine-records", register.RecordViewSet, basename="machine-record")
router.register("machine-documents", register.FileViewSet, basename="machine-document")
router.register("downtime-reasons", register.ReasonViewSet, basename="downtime-reason")
router.register("machine-conditions", condition.ConditionViewSet, basename="machine-condition")
router.register("advisories", condition.AdvisoryViewSet, basename="advisory")
router.register("machine-outlooks", condition.OutlookViewSet, basename="machine-outlook")
router.register("model-versions", condition.VersionViewSet, basename="model-version")
router.register("model-runs", runs.RunViewSet, basename="model-run")

urlpatterns = [
    *router.urls,
    path("health-models/", condition.ModelsView.as_view(), name="health-models"),
    path("maintenance-effect/", effect.EffectView.as_view(), name="maintenance-effect"),
    path("maintenance-kpis/", register.FiguresView.as_view(), name="maintenance-kpis"),
    path("maintenance-terms/", register.TermsView.as_view(), name="maintenance-terms"),
    path("maintenance-csv/", register.CsvView.as_view(), name="maintenance-csv"),
]
