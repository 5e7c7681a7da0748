"""What people and keys declare: their permissions."""

from django.utils.translation import gettext_lazy as _

from forgeline.modules.manifest import Manifest

MANIFEST = Manifest(
    key="identity",
    title=_("Company"),
    permissions=("identity.view", "identity.edit"),
    api_urls="forgeline.identity.api_urls",
)
