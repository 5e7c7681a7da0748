"""Addresses of the API on plans, usage and invoices."""

from django.urls import path
from rest_framework.routers import SimpleRouter

from forgeline.billing import api, console_api

router = SimpleRouter()
router.register("invoices", api.InvoiceViewSet, basename="invoice")

urlpatterns = [
    *router.urls,
    path("plans/", api.PlansView.as_view(), name="plans"),
    path("subscription/", api.SubscriptionView.as_view(), name="subscription"),
    path("subscription/quote/", api.QuoteView.as_view(), name="subscription-quote"),
    path("subscription/change/", api.ChangeView.as_view(), name="subscription-change"),
    path("subscription/cancellation/", api.CancellationView.as_view(), name="subscription-cancellation"),
    path("operator/tenants/", console_api.OperatedTenantsView.as_view(), name="operated-tenants"),
    path(
        "operator/tenants/<int:tenant_id>/", console_api.OperatedTenantView.as_view(), name="operated-tenant"
    ),
    path(
        "operator/tenants/<int:tenant_id>/plan/", console_api.OperatedPlanView.as_view(), name="operated-plan"
    ),
    path(
        "operator/tenants/<int:tenant_id>/trial/",
        console_api.OperatedTrialView.as_view(),
        name="operated-trial",
    ),
    path(
        "operator/tenants/<int:tenant_id>/cancellation/",
        console_api.OperatedCancellationView.as_view(),
        name="operated-cancellation",
    ),
    path(
        "operator/tenants/<int:tenant_id>/corrections/",
        console_api.OperatedCorrectionView.as_view(),
        name="operated-corrections",
    ),
    path(
        "operator/tenants/<int:tenant_id>/payments/",
        console_api.OperatedPaymentView.as_view(),
        name="operated-payments",
    ),
    path(
        "operator/tenants/<int:tenant_id>/invoices/<int:invoice_id>/pdf/",
        console_api.OperatedPaperView.as_view(),
        name="operated-paper",
    ),
    path(
        "operator/tenants/<int:tenant_id>/switches/",
        console_api.OperatedSwitchView.as_view(),
        name="operated-switches",
    ),
    path(
        "operator/tenants/<int:tenant_id>/partner/",
        console_api.OperatedPartnerView.as_view(),
        name="operated-partner",
    ),
    path("operator/seller/", console_api.SellerView.as_view(), name="operated-seller"),
    path("operator/unit-costs/", console_api.UnitCostsView.as_view(), name="operated-unit-costs"),
    path("operator/margins/", console_api.MarginsView.as_view(), name="operated-margins"),
    path("usage/", api.UsageView.as_view(), name="usage"),
]
