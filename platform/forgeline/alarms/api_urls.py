"""Addresses of the alarms' API."""

from rest_framework.routers import SimpleRouter

from forgeline.alarms import api, rules_api, trying_urls
from forgeline.alarms.analysis import api_urls as analysis_urls

router = SimpleRouter()
router.register("alarms", api.AlarmViewSet, basename="alarm")
router.register("alarm-journal", api.JournalViewSet, basename="alarm-journal")
router.register("alarm-rules", rules_api.RuleViewSet, basename="alarm-rule")
router.register("alarm-rules-in-force", rules_api.RulesInForceViewSet, basename="alarm-rule-in-force")

urlpatterns = [*router.urls, *trying_urls.urlpatterns, *analysis_urls.urlpatterns]
