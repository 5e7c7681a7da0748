"""Addresses of the API on the audit log."""

from rest_framework.routers import SimpleRouter

from forgeline.audit import api

router = SimpleRouter()
router.register("audit", api.AuditViewSet, basename="audit")

urlpatterns = router.urls
