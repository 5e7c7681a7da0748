"""What alarms declare: permissions, navigation, the section of device profiles."""

from django.utils.translation import gettext_lazy as _

from forgeline.modules.manifest import Manifest

MANIFEST = Manifest(
    key="alarms",
    title=_("Alarms"),
    permissions=("alarms.view", "alarms.acknowledge", "alarms.edit"),
    api_urls="forgeline.alarms.api_urls",
    profile_sections={"alarms": "forgeline.alarms.profiles.check_section"},
)
"""acknowledge: answer, shelve, comment, move a limit within its bounds; edit: write rules."""
