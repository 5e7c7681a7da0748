"""Addresses of the analysis of alarms."""

from django.urls import path
from rest_framework.routers import SimpleRouter

from forgeline.alarms.analysis import api

router = SimpleRouter()
router.register("alarm-reports", api.AlarmReportViewSet, basename="alarm-report")

urlpatterns = [
    path("alarm-analysis/", api.AlarmAnalysisView.as_view()),
    path("alarm-bad-actors/", api.AlarmBadActorsView.as_view()),
    *router.urls,
]
