"""What notifications declare: permissions, the entries of the navigation, their part of the API."""

from django.utils.translation import gettext_lazy as _

from forgeline.modules.manifest import Manifest, NavigationItem

MANIFEST = Manifest(
    key="notifications",
    title=_("Messages"),
    records={
        "notifications.channel": _("Channel of messages"),
        "notifications.route": _("Route of messages"),
        "notifications.step": _("Step of a route"),
        "notifications.roster": _("Roster"),
        "notifications.duty": _("Duty"),
        "notifications.stand_in": _("Stand-in"),
    },
    # Rosters are the whole company's; messages come to whoever may see what they are about.
    permissions=("notifications.view", "notifications.rosters.view", "notifications.edit"),
    branch_permissions=("notifications.view",),
    navigation=(
        NavigationItem(_("Messages"), "web:inbox", "notifications.view", section="plant", order=80),
        NavigationItem(
            _("Who is told"), "web:notify_routes", "notifications.edit", section="company", order=40
        ),
    ),
    figures="forgeline.notifications.figures.read_figures",
    api_urls="forgeline.notifications.api_urls",
)
