"""What the plant's own pages declare: navigation and addresses."""

from django.utils.translation import gettext_lazy as _

from forgeline.modules.manifest import Manifest, NavigationItem, OverviewCard

MANIFEST = Manifest(
    key="web",
    title=_("Plant pages"),
    permissions=("web.view", "web.edit"),
    branch_permissions=("web.view", "web.edit"),
    navigation=(
        NavigationItem(_("Plant overview"), "web:overview", "web.view", section="plant", order=10),
        NavigationItem(_("Plant set-up"), "web:setup", "web.edit", section="company", order=10),
    ),
    overview_cards=(
        OverviewCard(
            "web.machines", "pages/parts/card.html", "forgeline.web.cards.machines_card", "web.view", 10
        ),
    ),
    urls="forgeline.web.urls",
)
