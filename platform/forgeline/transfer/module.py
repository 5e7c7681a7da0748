"""What the transfer declares: the jobs that it brings, its page, the addresses of its API."""

from django.utils.translation import gettext_lazy as _

from forgeline.modules.manifest import JobKind, Manifest, NavigationItem

_SHEET = "forgeline.transfer.sheets.importing.run"

MANIFEST = Manifest(
    key="transfer",
    title=_("Import and export"),
    permissions=("transfer.write",),
    branch_permissions=("transfer.write",),
    messages={"company.erasure": _("The erasure of the company was asked for")},
    jobs=(
        JobKind("transfer.assets", _("Import of plants and assets"), "assets.edit", _SHEET),
        JobKind("transfer.devices", _("Import of devices"), "assets.edit", _SHEET),
        JobKind("transfer.points", _("Import of points"), "assets.edit", _SHEET),
        JobKind(
            "transfer.samples",
            _("Import of samples"),
            "telemetry.write",
            "forgeline.transfer.samples.importing.run",
        ),
        JobKind(
            "transfer.sample_export",
            _("Export of samples"),
            "telemetry.view",
            "forgeline.transfer.samples.exporting.run",
        ),
        JobKind(
            "transfer.archive",
            _("Everything of the company"),
            "identity.own",
            "forgeline.transfer.company.archive.run",
        ),
        JobKind(
            "transfer.erasure",
            _("Erasure of the company"),
            "identity.own",
            "forgeline.transfer.company.erasure.run",
            may_stop=False,
        ),
        JobKind("transfer.users", _("Import of people"), "identity.edit", _SHEET),
    ),
    navigation=(
        NavigationItem(_("Import and export"), "web:transfer", "transfer.write", section="intake", order=50),
    ),
    api_urls="forgeline.transfer.api_urls",
)
