"""Labels for machines as PDF: a code that opens the page of fault reports. Not here: the token (services)."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import segno
from django.urls import reverse
from django.utils.translation import gettext as _, override

from apps.health.models import MachineRecord
from forgeline.base.typesetting import set_paper

TEMPLATE = Path(__file__).with_name("label.typ")
MOST = 200
"""Labels of one sheet."""


def link_of(record: MachineRecord, base: str) -> str:
    """Return the address that a label opens, of the house that people reach by ``base``."""
    return base + reverse("health:report", kwargs={"token": record.fault_token})


def print_labels(records: Sequence[MachineRecord], base: str) -> bytes:
    """Return a sheet of labels, in both languages: whoever stands at the machine may read either.

    **Raises** UnavailableError where the fonts are not there.
    """
    return set_paper(TEMPLATE, [_describe(record, base) for record in records], no_fonts="health.no_fonts")


def _describe(record: MachineRecord, base: str) -> dict[str, Any]:
    asset = record.asset
    said = []
    for language in ("zh-hans", "en"):
        with override(language):
            above = asset.parent.title if asset.parent is not None else ""
            said.append(
                [
                    asset.title,
                    " · ".join(w for w in (asset.site.title, above) if w),
                    _("Scan to report a fault"),
                ]
            )
    names = list(dict.fromkeys(words[0] for words in said))
    return {
        "names": names,
        "places": list(dict.fromkeys(words[1] for words in said)),
        "calls": [words[2] for words in said],
        "serial": record.serial_number,
        "code": _code(link_of(record, base)),
    }


def _code(link: str) -> str:
    out = io.BytesIO()
    # Level M: a quarter of an A4 column, greasy fingers included.
    segno.make(link, error="m", micro=False).save(out, kind="svg", border=2, scale=4, xmldecl=False)
    return out.getvalue().decode()
