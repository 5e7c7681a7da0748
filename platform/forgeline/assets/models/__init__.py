"""Tables of the plant, one idea a file."""

from forgeline.assets.models.calendar import CalendarDay, Shift
from forgeline.assets.models.device import Device, DeviceCredential
from forgeline.assets.models.place import Asset, Site
from forgeline.assets.models.point import Point

__all__ = ["Asset", "CalendarDay", "Device", "DeviceCredential", "Point", "Shift", "Site"]
