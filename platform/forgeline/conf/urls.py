"""Every address of the building."""

from django.urls import include, path, re_path
from django.views.i18n import JavaScriptCatalog

from forgeline.base.api import unknown_endpoint
from forgeline.conf import health, reference
from forgeline.modules.registry import list_manifests

handler400 = "forgeline.base.api.bad_request"
handler500 = "forgeline.base.api.server_error"

urlpatterns = [
    path("healthz", health.healthz),
    path("readyz", health.readyz),
    path("metrics", health.metrics),
    path("api/schema/", reference.schema, name="schema"),
    path("api/docs/", reference.docs, name="docs"),
    path("i18n/", include("django.conf.urls.i18n")),
    path("jsi18n/", JavaScriptCatalog.as_view(), name="javascript-catalog"),
    *(path("api/v1/", include(m.api_urls)) for m in list_manifests() if m.api_urls),
    path("", include("forgeline.web.account_urls")),
    re_path(r"^api/", unknown_endpoint),
    *(path(f"{m.key}/" if m.key != "web" else "", include(m.urls)) for m in list_manifests() if m.urls),
]
