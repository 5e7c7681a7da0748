"""What the plant's area declares: permissions and its part of the API."""

from django.utils.translation import gettext_lazy as _

from forgeline.modules.manifest import Manifest

MANIFEST = Manifest(
    key="assets",
    title=_("Plant"),
    permissions=("assets.view", "assets.edit"),
    branch_permissions=("assets.view", "assets.edit"),
    api_urls="forgeline.assets.api_urls",
)
