"""What companies make, and which device profiles they are likely to need first."""

from __future__ import annotations

from dataclasses import dataclass

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _


@dataclass(frozen=True, slots=True)
class Industry:
    """A branch of manufacturing; ``profiles`` come first where a machine's profile is chosen."""

    key: str
    title: Promise
    profiles: tuple[str, ...]


INDUSTRIES = {
    industry.key: industry
    for industry in (
        Industry("metal_forming", _("Metal forming and stamping"), ("press", "compressor")),
        Industry("machining", _("Machining"), ("cnc", "compressor")),
        Industry("foundry", _("Foundry and heat treatment"), ("furnace", "compressor")),
        Industry("plastics", _("Plastics"), ("compressor",)),
        Industry("electronics", _("Electronics"), ("compressor",)),
        Industry("food", _("Food and beverages"), ("compressor",)),
        Industry("other", _("Something else"), ()),
    )
}
