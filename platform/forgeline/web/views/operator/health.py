"""How the service fares: each part's own figures, over all companies."""

from __future__ import annotations

import structlog
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.module_loading import import_string
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache

from forgeline.identity.roles import OPERATE
from forgeline.modules.manifest import Figure
from forgeline.modules.registry import list_manifests
from forgeline.web.access import needs


@never_cache
@needs(OPERATE)
def health(request: HttpRequest) -> HttpResponse:
    """Show what each part tells; one that cannot is said to be away, and the others stand."""
    parts = []
    for manifest in list_manifests():
        if not manifest.figures:
            continue
        try:
            figures = list(import_string(manifest.figures)())
        except Exception:  # noqa: BLE001  # the page must come when a part is ill: that is when it is looked at
            structlog.get_logger(__name__).exception("figures of a part failed", part=manifest.key)
            figures = [
                Figure(_("Figures"), _("away"), "down", _("This part does not answer; its log says why."))
            ]
        parts.append((manifest.title, figures))
    return render(request, "web/operator/health.html", {"parts": parts})
