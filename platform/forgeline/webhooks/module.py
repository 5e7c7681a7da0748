"""What webhooks declare: permissions, navigation, the addresses of their API."""

from django.utils.translation import gettext_lazy as _

from forgeline.modules.manifest import Manifest, NavigationItem

MANIFEST = Manifest(
    key="webhooks",
    title=_("Webhooks"),
    permissions=("webhooks.manage",),
    features={"webhooks": _("Webhooks")},
    records={"webhooks.endpoint": _("Webhook")},
    messages={"webhook.stopped": _("A webhook was stopped")},
    navigation=(
        NavigationItem(_("Webhooks"), "web:webhooks", "webhooks.manage", section="company", order=50),
    ),
    figures="forgeline.webhooks.figures.read_figures",
    api_urls="forgeline.webhooks.api_urls",
)
