"""What the plant's own pages declare: navigation and addresses."""

from django.utils.translation import gettext_lazy as _

from forgeline.modules.manifest import FirstStep, Manifest, NavigationItem, OverviewCard

MANIFEST = Manifest(
    key="web",
    title=_("Plant pages"),
    permissions=("web.view", "web.edit"),
    branch_permissions=("web.view", "web.edit"),
    navigation=(
        NavigationItem(_("Plant overview"), "web:overview", "web.view", section="plant", order=10),
        NavigationItem(_("Plant set-up"), "web:setup", "web.edit", section="company", order=10),
    ),
    profile_sections={"web": "forgeline.web.layouts.check_section"},
    overview_cards=(
        OverviewCard(
            "web.machines", "pages/parts/card.html", "forgeline.web.cards.machines_card", "web.view", 10
        ),
    ),
    first_steps=(
        FirstStep(
            "web.plant",
            _("Make your plant"),
            _("Its time zone decides what a day and a shift are."),
            _("Make the plant"),
            "forgeline.web.first_steps.has_plant",
            "forgeline.web.first_steps.lead_to_plant",
            "web.edit",
            10,
        ),
        FirstStep(
            "web.machine",
            _("Add a machine"),
            _("A device profile brings its points, their units and its first alarm rules with it."),
            _("Add a machine"),
            "forgeline.web.first_steps.has_machine",
            "forgeline.web.first_steps.lead_to_machine",
            "web.edit",
            20,
        ),
        FirstStep(
            "web.value",
            _("See its first value live"),
            _("It stands on the machine's page a moment after it was measured."),
            _("Look at the machine"),
            "forgeline.web.first_steps.has_value",
            "forgeline.web.first_steps.lead_to_value",
            "web.view",
            40,
        ),
        FirstStep(
            "web.alarm",
            _("Say who is told of an alarm"),
            _("By bell, e-mail or a group's robot, and who comes next where nobody answers."),
            _("Set up messages"),
            "forgeline.web.first_steps.has_alarm",
            "forgeline.web.first_steps.lead_to_alarm",
            "notifications.edit",
            50,
        ),
        FirstStep(
            "web.colleague",
            _("Invite a colleague"),
            _("Each with a role: who looks, who answers, who builds."),
            _("Invite"),
            "forgeline.web.first_steps.has_colleague",
            "forgeline.web.first_steps.lead_to_colleague",
            "identity.edit",
            60,
        ),
        FirstStep(
            "web.plan",
            _("Choose a plan"),
            _("The trial goes on until its last day all the same."),
            _("Compare plans"),
            "forgeline.web.first_steps.has_plan",
            "forgeline.web.first_steps.lead_to_plan",
            "billing.pay",
            70,
            is_wanted="forgeline.web.first_steps.is_sold",
        ),
    ),
    urls="forgeline.web.urls",
)
