"""What companies make, which device profiles they are likely to need first, and with which modules they begin."""

from __future__ import annotations

from dataclasses import dataclass

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _


@dataclass(frozen=True, slots=True)
class Industry:
    """A branch of manufacturing; ``profiles`` come first where a machine's profile is chosen.

    ``modules`` are switched on at sign-up, as far as they are installed; None for all.
    """

    key: str
    title: Promise
    profiles: tuple[str, ...]
    modules: tuple[str, ...] | None = None


INDUSTRIES = {
    industry.key: industry
    for industry in (
        Industry(
            "metal_forming",
            _("Metal forming and stamping"),
            ("press", "compressor", "robot", "motor", "gearbox", "pump"),
            ("dashboards", "mes", "health", "energy"),
        ),
        Industry(
            "machining",
            _("Machining"),
            ("cnc", "lathe", "compressor", "robot", "chiller"),
            ("dashboards", "mes", "health"),
        ),
        Industry(
            "foundry",
            _("Foundry and heat treatment"),
            ("furnace", "induction_furnace", "compressor", "fan", "pump"),
            ("dashboards", "health", "energy"),
        ),
        Industry(
            "plastics",
            _("Plastics"),
            ("injection", "chiller", "compressor", "robot", "pump"),
            ("dashboards", "mes", "health", "energy"),
        ),
        Industry(
            "electronics",
            _("Electronics"),
            ("compressor", "chiller", "robot", "fan"),
            ("dashboards", "mes", "health"),
        ),
        Industry(
            "food",
            _("Food and beverages"),
            ("compressor", "chiller", "pump", "motor", "gearbox", "fan"),
            ("dashboards", "mes", "health", "energy"),
        ),
        Industry("other", _("Something else"), ()),
    )
}
