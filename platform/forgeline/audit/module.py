"""What the audit declares: its permission, its page."""

from django.utils.translation import gettext_lazy as _

from forgeline.modules.manifest import Manifest, NavigationItem

MANIFEST = Manifest(
    key="audit",
    title=_("Audit"),
    permissions=("audit.inspect",),
    navigation=(NavigationItem(_("Audit"), "web:audit", "audit.inspect", section="company", order=60),),
    api_urls="forgeline.audit.api_urls",
)
