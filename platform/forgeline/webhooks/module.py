"""What webhooks declare: permissions, navigation, the addresses of their API."""

from django.utils.translation import gettext_lazy as _

from forgeline.modules.manifest import Manifest, NavigationItem

MANIFEST = Manifest(
    key="webhooks",
    title=_("Webhooks"),
    permissions=("webhooks.manage",),
    records={"webhooks.endpoint": _("Webhook")},
    navigation=(
        NavigationItem(_("Webhooks"), "web:webhooks", "webhooks.manage", section="company", order=50),
    ),
    api_urls="forgeline.webhooks.api_urls",
)
