"""Papers as PDF, set by typst with fonts of our own. Not here: what stands on one (billing/paper, modules)."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import typst
from django.conf import settings
from django.utils.translation import gettext as _

from forgeline.base.errors import UnavailableError


def set_paper(template: Path, told: Any, *, no_fonts: str) -> bytes:
    """Return a PDF/A: Chinese and Latin look the same on every screen and printer.

    ``told`` goes to the template as JSON (``sys.inputs.told``). **Raises** UnavailableError with the key ``no_fonts``
    where the fonts are not there.
    """
    if not (settings.FONTS / "NotoSansHans-Regular.otf").is_file():
        raise UnavailableError(
            _("The fonts for papers are not there; the operator brings them with `make assets`."),
            key=no_fonts,
        )
    words = json.dumps(told, ensure_ascii=False, sort_keys=True)
    paper: Any = typst.compile(
        str(template), font_paths=[str(settings.FONTS)], ignore_system_fonts=True, sys_inputs={"told": words},
        pdf_standards="a-2b",
    )  # fmt: skip
    return bytes(paper)
