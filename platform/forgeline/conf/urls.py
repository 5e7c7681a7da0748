"""Every address of the building."""

from django.urls import include, path
from django.views.i18n import JavaScriptCatalog

from forgeline.modules.registry import list_manifests

urlpatterns = [
    path("i18n/", include("django.conf.urls.i18n")),
    path("jsi18n/", JavaScriptCatalog.as_view(), name="javascript-catalog"),
    *(path("api/v1/", include(m.api_urls)) for m in list_manifests() if m.api_urls),
    *(path(f"{m.key}/" if m.key != "web" else "", include(m.urls)) for m in list_manifests() if m.urls),
]
