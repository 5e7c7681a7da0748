"""What single sign-on declares: records, navigation, the addresses of its API."""

from django.utils.translation import gettext_lazy as _

from forgeline.modules.manifest import Manifest, NavigationItem

MANIFEST = Manifest(
    key="sso",
    title=_("Single sign-on"),
    permissions=("sso.look",),
    records={
        "sso.provider": _("Sign-on provider"),
        "sso.domain": _("E-mail domain"),
        "sso.identity": _("Person at the provider"),
    },
    navigation=(NavigationItem(_("Single sign-on"), "web:sso", "sso.look", section="company", order=17),),
    api_urls="forgeline.sso.api_urls",
)
