"""Tables of maintenance, one idea a file."""

from apps.health.models.condition import Advisory, Condition, Episode, Watch
from apps.health.models.inspections import Inspection, InspectionItem, InspectionResult, InspectionRoute
from apps.health.models.ledger import ModelVersion
from apps.health.models.orders import CheckItem, DowntimeReason, LabourEntry, OrderEntry, PartUse, WorkOrder
from apps.health.models.plans import MaintenancePlan
from apps.health.models.register import MachineRecord, StoredFile, Terms
from apps.health.models.runs import ModelRun
from apps.health.models.stock import SparePart, StockMove

__all__ = [
    "Advisory",
    "CheckItem",
    "Condition",
    "DowntimeReason",
    "Episode",
    "Inspection",
    "InspectionItem",
    "InspectionResult",
    "InspectionRoute",
    "LabourEntry",
    "MachineRecord",
    "MaintenancePlan",
    "ModelRun",
    "ModelVersion",
    "OrderEntry",
    "PartUse",
    "SparePart",
    "StockMove",
    "StoredFile",
    "Terms",
    "Watch",
    "WorkOrder",
]
