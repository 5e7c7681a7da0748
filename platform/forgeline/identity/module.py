"""What people and keys declare: their permissions."""

from django.utils.translation import gettext_lazy as _

from forgeline.modules.manifest import Manifest, NavigationItem

MANIFEST = Manifest(
    key="identity",
    title=_("Company"),
    records={
        "identity.member": _("Member"),
        "identity.invitation": _("Invitation"),
        "identity.role": _("Role"),
        "identity.key": _("API key"),
    },
    permissions=("identity.view", "identity.edit", "identity.own"),
    navigation=(
        NavigationItem(_("People"), "web:people", "identity.edit", section="company", order=15),
        NavigationItem(_("API keys"), "web:keys", "identity.edit", section="company", order=20),
        NavigationItem(
            _("Data of the company"), "web:company_data", "identity.own", section="company", order=70
        ),
    ),
    api_urls="forgeline.identity.api_urls",
)
