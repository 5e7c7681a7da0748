"""What people and keys declare: their permissions."""

from django.utils.translation import gettext_lazy as _

from forgeline.modules.manifest import EventType, Manifest, NavigationItem

MANIFEST = Manifest(
    key="identity",
    title=_("Company"),
    records={
        "identity.member": _("Member"),
        "identity.invitation": _("Invitation"),
        "identity.role": _("Role"),
        "identity.key": _("API key"),
        "identity.partner": _("Partner's access"),
        "identity.impersonation": _("Visit by the operator of the service"),
    },
    events=(
        EventType(
            "identity.module.switched",
            _("Module switched"),
            {"id": None, "name": "Maintenance", "changes": {"is_on": [False, True]}, "by": "Wang"},
        ),
    ),
    permissions=("identity.view", "identity.edit", "identity.own"),
    kind_permissions={"partner": ("identity.customers.view",), "operator": ("identity.operate",)},
    features={"identity.partners": _("Letting partners in")},
    messages={"partner.access": _("A customer's access was given, changed or has ended")},
    navigation=(
        NavigationItem(_("People"), "web:people", "identity.edit", section="company", order=15),
        NavigationItem(_("Partners"), "web:partners", "identity.edit", section="company", order=17),
        NavigationItem(_("Customers"), "web:customers", "identity.customers.view", section="plant", order=5),
        NavigationItem(_("Companies"), "web:operator", "identity.operate", section="operator", order=10),
        NavigationItem(
            _("Cost and margin"), "web:operator_costs", "identity.operate", section="operator", order=20
        ),
        NavigationItem(
            _("Who sells"), "web:operator_seller", "identity.operate", section="operator", order=25
        ),
        NavigationItem(
            _("Announcements"), "web:operator_announcements", "identity.operate", section="operator", order=30
        ),
        NavigationItem(
            _("Service health"), "web:operator_health", "identity.operate", section="operator", order=40
        ),
        NavigationItem(_("API keys"), "web:keys", "identity.edit", section="company", order=20),
        NavigationItem(_("Modules"), "web:modules", "identity.edit", section="company", order=25),
        NavigationItem(
            _("Data of the company"), "web:company_data", "identity.own", section="company", order=70
        ),
    ),
    api_urls="forgeline.identity.api_urls",
)
