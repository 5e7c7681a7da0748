"""What telemetry declares: permissions and its part of the API."""

from django.utils.translation import gettext_lazy as _

from forgeline.modules.manifest import Manifest

MANIFEST = Manifest(
    key="telemetry",
    title=_("Samples"),
    permissions=("telemetry.view", "telemetry.write"),
    profile_sections={"telemetry": "forgeline.telemetry.state_rules.check_section"},
    api_urls="forgeline.telemetry.api_urls",
)
