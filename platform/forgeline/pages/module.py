"""What the frame of all pages declares: announcements as records."""

from django.utils.translation import gettext_lazy as _

from forgeline.modules.manifest import Manifest

MANIFEST = Manifest(
    key="pages",
    title=_("Pages"),
    records={"pages.announcement": _("Announcement")},
    api_urls="forgeline.pages.api_urls",
)
