"""Reads of machine records, files and the company's terms."""

from __future__ import annotations

from django.db.models import QuerySet
from django.utils.translation import gettext as _

from apps.health.models import DowntimeReason, MachineRecord, StoredFile, Terms
from forgeline.assets.models import Asset
from forgeline.assets.models.place import AssetLevel
from forgeline.assets.queries import list_assets
from forgeline.base.errors import NotFoundError


def find_terms() -> Terms:
    """Return the company's terms, or what holds where nobody has set any."""
    return Terms.objects.first() or Terms()


def list_machines() -> QuerySet[Asset]:
    """Return the machines in use with their plants, by place."""
    return list_assets().filter(level=AssetLevel.WORK_UNIT).select_related("site", "parent")


def get_record(asset_id: int) -> MachineRecord:
    """Return what is kept of an asset; an empty record where nothing is yet. **Raises** NotFoundError."""
    asset = list_assets().select_related("site", "parent").filter(pk=asset_id).first()
    if asset is None:
        raise NotFoundError(_("There is nothing here that you may see."), data={"id": asset_id})
    found = MachineRecord.objects.filter(asset_id=asset_id).first() or MachineRecord(asset=asset)
    found.asset = asset
    return found


def list_records() -> QuerySet[MachineRecord]:
    """Return the records of machines in use."""
    return MachineRecord.objects.filter(asset__retired_at=None).select_related("asset").order_by("pk")


def list_files() -> QuerySet[StoredFile]:
    """Return documents and photos, the newest first."""
    return StoredFile.objects.select_related("work_order").order_by("-pk")


def get_file(file_id: int) -> StoredFile:
    """Return one. **Raises** NotFoundError."""
    found = StoredFile.objects.filter(pk=file_id).first()
    if found is None:
        raise NotFoundError(_("There is nothing here that you may see."), data={"id": file_id})
    return found


def list_reasons() -> QuerySet[DowntimeReason]:
    """Return the reasons of downtime in use, by name."""
    return DowntimeReason.objects.filter(retired_at=None).order_by("name")
