"""What alarms declare: permissions, navigation, the section of device profiles."""

from django.utils.translation import gettext_lazy as _

from forgeline.modules.manifest import EventType, Manifest, NavigationItem, OverviewCard

_EXAMPLE = {
    "alarm": 42, "asset": 7, "machine": "Press 7", "key": "power_high", "name": "Power high", "priority": "high",
    "value": 81.5, "by": "", "text": "",
}  # fmt: skip

MANIFEST = Manifest(
    key="alarms",
    title=_("Alarms"),
    records={
        "alarms.rule": _("Alarm rule"),
    },
    events=tuple(
        EventType(f"alarms.alarm.{kind}", title, _EXAMPLE)
        for kind, title in (
            ("raised", _("Alarm raised")),
            ("cleared", _("Alarm cleared")),
            ("acknowledged", _("Alarm acknowledged")),
            ("shelved", _("Alarm shelved")),
            ("unshelved", _("Alarm taken from the shelf")),
            ("out_of_service", _("Alarm put out of service")),
            ("in_service", _("Alarm back in service")),
        )
    ),
    messages={"alarm.raised": _("An alarm has come"), "alarm.burst": _("Many alarms at once")},
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
