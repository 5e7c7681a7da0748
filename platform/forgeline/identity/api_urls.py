"""Addresses of the API on people and keys."""

from django.urls import path
from rest_framework.routers import SimpleRouter

from forgeline.identity import api, partners_api, people_api, switches_api

router = SimpleRouter()
router.register("api-keys", api.ApiKeyViewSet, basename="api-key")
router.register("members", people_api.MemberViewSet, basename="member")
router.register("invitations", people_api.InvitationViewSet, basename="invitation")
router.register("roles", people_api.RoleViewSet, basename="role")
router.register("partner-grants", partners_api.PartnerGrantViewSet, basename="partner-grant")

urlpatterns = [
    *router.urls,
    path("branches/", people_api.BranchesView.as_view(), name="branches"),
    path("modules/", switches_api.ModulesView.as_view(), name="modules"),
    path("partner-belongings/", partners_api.BelongingsView.as_view(), name="partner-belongings"),
    path("customers/", partners_api.CustomersView.as_view(), name="customers"),
    path("me/", api.MeView.as_view(), name="me"),
]
