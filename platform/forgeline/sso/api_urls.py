"""Addresses of the API on single sign-on."""

from django.urls import path
from rest_framework.routers import SimpleRouter

from forgeline.sso import api

router = SimpleRouter()
router.register("sso-identities", api.SsoIdentityViewSet, basename="sso-identity")

urlpatterns = [
    *router.urls,
    path("sso/", api.SsoView.as_view(), name="sso"),
    path("sso/check/", api.SsoCheckView.as_view(), name="sso-check"),
    path("sso/domains/check/", api.SsoDomainsView.as_view(), name="sso-domains-check"),
]
