"""What jobs declare: their permissions, events, page, and the addresses of their API."""

from django.utils.translation import gettext_lazy as _

from forgeline.modules.manifest import EventType, Manifest, NavigationItem

_EXAMPLE = {"id": 42, "name": "points.xlsx", "changes": {"kind": [None, "transfer.points"]}, "by": "Wang"}

MANIFEST = Manifest(
    key="jobs",
    title=_("Jobs"),
    permissions=("jobs.view", "jobs.write", "jobs.manage"),
    branch_permissions=("jobs.view", "jobs.write"),
    events=(
        EventType("jobs.job.begun", _("Job asked for"), _EXAMPLE),
        EventType("jobs.job.ended", _("Job ended"), _EXAMPLE),
    ),
    navigation=(NavigationItem(_("Jobs"), "web:jobs", "jobs.view", section="intake", order=60),),
    api_urls="forgeline.jobs.api_urls",
)
