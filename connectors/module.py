"""What the connectors' wing declares: its permissions, pages and part of the API."""

from django.utils.translation import gettext_lazy as _

from forgeline.modules.manifest import FirstStep, Manifest, NavigationItem, OverviewCard

MANIFEST = Manifest(
    key="connectors",
    title=_("Connections"),
    records={
        "connectors.connection": _("Connection"),
        "connectors.binding": _("Binding"),
    },
    permissions=("connectors.view", "connectors.edit"),
    navigation=(
        NavigationItem(_("Connections"), "connectors:list", "connectors.view", section="intake", order=10),
        NavigationItem(_("Devices"), "connectors:devices", "connectors.view", section="intake", order=20),
    ),
    overview_cards=(
        OverviewCard(
            "connectors.running",
            "pages/parts/card.html",
            "connectors.cards.connections_card",
            "connectors.view",
            20,
        ),
    ),
    first_steps=(
        FirstStep(
            "connectors.source",
            _("Connect it"),
            _("A device gets a password for MQTT, or a controller is read by OPC UA."),
            _("Connect"),
            "connectors.first_steps.has_source",
            "connectors.first_steps.lead_to_sources",
            "connectors.edit",
            30,
        ),
    ),
    figures="connectors.figures.read_figures",
    urls="connectors.urls",
    api_urls="connectors.api_urls",
)
