"""What telemetry declares: permissions and its part of the API."""

from django.utils.translation import gettext_lazy as _

from forgeline.modules.manifest import Manifest, NavigationItem, OverviewCard

MANIFEST = Manifest(
    key="telemetry",
    title=_("Samples"),
    records={
        "telemetry.retention": _("Retention"),
    },
    permissions=("telemetry.view", "telemetry.write", "telemetry.manage"),
    branch_permissions=("telemetry.view", "telemetry.write"),
    navigation=(
        NavigationItem(_("History"), "web:history", "telemetry.manage", section="company", order=30),
    ),
    overview_cards=(
        OverviewCard(
            "telemetry.storage",
            "pages/parts/card.html",
            "forgeline.telemetry.cards.storage_card",
            "telemetry.view",
            90,
        ),
    ),
    profile_sections={"telemetry": "forgeline.telemetry.state_rules.check_section"},
    figures="forgeline.telemetry.figures.read_figures",
    api_urls="forgeline.telemetry.api_urls",
)
