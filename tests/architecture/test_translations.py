"""Both languages are equal: whatever is said in English is said in Chinese."""

from __future__ import annotations

from forgeline.conf.catalogs import check
from forgeline.conf.messages import extract


def test_the_chinese_catalogues_are_complete() -> None:
    faults = [str(fault) for fault in check(extract())]
    assert faults == [], (
        f"{len(faults)} strings; `manage.py catalogs extract` lists them in each app's catalogue"
    )
