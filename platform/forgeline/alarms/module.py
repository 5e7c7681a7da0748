"""What alarms declare: permissions, navigation, the section of device profiles."""

from django.utils.translation import gettext_lazy as _

from forgeline.modules.manifest import Manifest, NavigationItem, OverviewCard

MANIFEST = Manifest(
    key="alarms",
    title=_("Alarms"),
    permissions=("alarms.view", "alarms.acknowledge", "alarms.edit"),
    branch_permissions=("alarms.view", "alarms.acknowledge", "alarms.edit"),
    navigation=(NavigationItem(_("Alarms"), "web:alarms", "alarms.view", section="plant", order=20),),
    overview_cards=(
        OverviewCard(
            "alarms.open", "pages/parts/card.html", "forgeline.alarms.cards.open_card", "alarms.view", 20
        ),
    ),
    api_urls="forgeline.alarms.api_urls",
    profile_sections={"alarms": "forgeline.alarms.profiles.check_section"},
)
"""acknowledge: answer, shelve, comment, move a limit within its bounds; edit: write rules."""
