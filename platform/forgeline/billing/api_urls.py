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
    path("operator/tenants/", console_api.OperatedTenantsView.as_view(), name="operated-tenants"),
    path("operator/margins/", console_api.MarginsView.as_view(), name="operated-margins"),
    path("usage/", api.UsageView.as_view(), name="usage"),
]
