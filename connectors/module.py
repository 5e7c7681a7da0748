"""What the connectors' wing declares: its permissions."""

from django.utils.translation import gettext_lazy as _

from forgeline.modules.manifest import Manifest

MANIFEST = Manifest(
    key="connectors",
    title=_("Connections"),
    permissions=("connectors.view", "connectors.edit"),
)
