"""Addresses of trials of rules."""

from rest_framework.routers import SimpleRouter

from forgeline.alarms import trying_api

router = SimpleRouter()
router.register("alarm-trials", trying_api.TrialViewSet, basename="alarm-trial")

urlpatterns = [*router.urls]
