"""What the plant's area declares: its permissions."""

from django.utils.translation import gettext_lazy as _

from forgeline.modules.manifest import Manifest

MANIFEST = Manifest(
    key="assets",
    title=_("Plant"),
    permissions=("assets.view", "assets.edit"),
)
