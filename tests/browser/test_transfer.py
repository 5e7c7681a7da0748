"""A table on its way through a browser: sent in parts, its fault shown by the cell, corrected, applied, found again."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from forgeline.assets.models import Device
from forgeline.jobs import working
from forgeline.tenancy.scoping import tenant_scope
from tests.browser.conftest import Floor, Web, sign_in

pytestmark = pytest.mark.browser


def test_a_table_is_tried_corrected_and_applied(
    open_page: Callable[..., Any], web: Web, floor: Floor, settings: Any, tmp_path: Path
) -> None:
    settings.JOBS = settings.JOBS | {"FOLDER": tmp_path / "var/files"}
    page = open_page()
    sign_in(page, "alice@example.com")
    page.goto("/transfer/")

    def send(text: str) -> None:
        page.goto("/transfer/")
        page.select_option("#kind", "devices")
        page.set_input_files(
            "#file", {"name": "devices.csv", "mimeType": "text/csv", "buffer": text.encode("gbk")}
        )
        page.click("text=Try it")
        page.wait_for_url("**/jobs/*/")
        page.wait_for_selector("progress")
        working.work()
        page.wait_for_selector("text=What came of it")

    send("key,name,machine\nm-1,一号电表,Works/Line 1/Press 7\nm-2,x,Works/Line 9/Press 7\n")
    assert "C3" in page.inner_text("table.grid tbody >> nth=-1")
    assert page.locator("text=Apply it now").count() == 0
    send("key,name,machine\nm-1,一号电表,Works/Line 1/Press 7\n")
    page.click("text=Apply it now")
    page.wait_for_selector("progress")
    working.work()
    page.wait_for_selector("text=All 1 rows are stored.")
    with tenant_scope(floor.company.tenant_id):
        assert Device.objects.get().name == "一号电表"
    page.goto("/jobs/")
    assert page.locator("#jobs tbody tr").count() == 3
    # Somebody who only looks finds neither the page nor the jobs of those who build.
    page.click("text=Sign out")
    sign_in(page, "bob@example.com")
    assert page.goto("/transfer/").status == 403
    page.goto("/jobs/")
    assert page.locator("#jobs tbody tr").count() == 0
    assert [fault for fault in page.faults if "403" not in fault] == []
