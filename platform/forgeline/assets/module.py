"""What the plant's area declares: permissions and its part of the API."""

from django.utils.translation import gettext_lazy as _

from forgeline.modules.manifest import Manifest

MANIFEST = Manifest(
    key="assets",
    title=_("Plant"),
    records={
        "assets.plant": _("Plant"),
        "assets.asset": _("Asset"),
        "assets.point": _("Point"),
        "assets.device": _("Device"),
        "assets.credential": _("Device credential"),
        "assets.shift": _("Shift"),
        "assets.special_day": _("Special day"),
    },
    permissions=("assets.view", "assets.edit"),
    branch_permissions=("assets.view", "assets.edit"),
    api_urls="forgeline.assets.api_urls",
)
