"""Shifts and special days as people and programs keep them: by service, API and page."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from datetime import date, time
from typing import Any

import pytest
from django.test import Client
from django.utils import translation

from forgeline.assets import queries, services
from forgeline.assets.models import Shift, Site
from forgeline.assets.services.holidays import list_holidays
from forgeline.base.clock import now_us
from forgeline.base.errors import InvalidInputError, NotFoundError
from forgeline.tenancy.scoping import tenant_scope
from tests.conftest import Company

WORKDAYS = [1, 2, 3, 4, 5]


@pytest.fixture
def site(company: Company) -> Iterator[Site]:
    with tenant_scope(company.tenant_id):
        yield services.create_site(name="Works", zone="Asia/Shanghai")


def _add(
    site: Site, name: str, begin: int, end: int, weekdays: list[int] | None = None, **more: Any
) -> Shift:
    return services.create_shift(
        site_id=site.pk,
        name=name,
        starts_at=time(begin),
        ends_at=time(end),
        weekdays=weekdays or WORKDAYS,
        **more,
    )


def test_a_shift_that_overlaps_or_starts_never_is_refused(site: Site) -> None:
    _add(site, "Early", 6, 14)
    for begin, end, weekdays, field, sentence in (
        (13, 20, [1], "starts_at", "overlaps Early"),
        (22, 7, [7], "starts_at", "overlaps Early"),
        (14, 22, [0], "weekdays", "at least one weekday"),
        (14, 22, [8], "weekdays", "at least one weekday"),
    ):
        with pytest.raises(InvalidInputError) as refused:
            _add(site, "Other", begin, end, weekdays)
        assert sentence in refused.value.data["fields"][field][0]
    with pytest.raises(InvalidInputError):
        _add(site, "", 14, 22)
    with pytest.raises(NotFoundError):
        services.end_shift(shift_id=0, from_on=date(2026, 6, 1))


def test_a_change_holds_from_its_day_on(site: Site) -> None:
    row = _add(site, "Early", 6, 14, valid_from=date(2026, 1, 1))
    new = services.change_shift(
        shift_id=row.pk, from_on=date(2026, 6, 1), name="Early", starts_at=time(7), ends_at=time(15),
        weekdays=WORKDAYS,
    )  # fmt: skip
    assert new.pk != row.pk
    row.refresh_from_db()
    assert row.valid_until == date(2026, 5, 31)
    again = services.change_shift(
        shift_id=new.pk, from_on=date(2026, 6, 1), name="Early", starts_at=time(8), ends_at=time(16),
        weekdays=WORKDAYS,
    )  # fmt: skip
    assert again.pk == new.pk
    services.end_shift(shift_id=new.pk, from_on=date(2026, 7, 1))
    services.end_shift(shift_id=new.pk, from_on=date(2026, 5, 1))
    assert list(queries.list_shifts(site)) == [row]


@pytest.mark.parametrize("pattern", list(services.PATTERNS))
def test_a_pattern_fills_an_empty_calendar(site: Site, pattern: str) -> None:
    rows = services.use_pattern(site_id=site.pk, pattern=pattern)
    site.refresh_from_db()
    assert site.day_starts_at == rows[0].starts_at
    calendar = queries.read_calendar(site)
    start, end = calendar.production_day_span(date(2026, 6, 1))
    assert calendar.list_shifts(start, end)[0].from_us == start
    with pytest.raises(InvalidInputError, match="has shifts"):
        services.use_pattern(site_id=site.pk, pattern=pattern)


def test_chinese_holidays_come_with_their_make_up_days(site: Site) -> None:
    assert services.take_holidays(site_id=site.pk, year=2026) > 20
    days = queries.read_calendar(site).days
    assert (days[date(2026, 10, 1)].is_working, days[date(2026, 10, 1)].name) == (False, "National Day")
    assert days[date(2026, 10, 10)].is_working
    assert date(2026, 11, 21) not in days
    services.set_day(site_id=site.pk, on=date(2026, 10, 2), is_working=True, name="We work")
    assert services.take_holidays(site_id=site.pk, year=2026) == 0
    assert queries.read_calendar(site).days[date(2026, 10, 2)].name == "We work"
    services.clear_day(site_id=site.pk, on=date(2026, 10, 2))
    assert date(2026, 10, 2) not in queries.read_calendar(site).days


def test_years_and_countries_that_nobody_knows_are_told() -> None:
    with pytest.raises(InvalidInputError, match="2035 are not known"):
        list_holidays("CN", 2035)
    with pytest.raises(InvalidInputError, match="No public holidays"):
        list_holidays("XX", 2026)
    assert list_holidays("DE", 2026)[date(2026, 10, 3)].name == "German Unity Day"
    assert list_holidays("CN", 2026, language="zh-hans")[date(2026, 10, 1)].name == "国庆节"


def test_the_api_keeps_shifts_and_resolves_days(company: Company, stranger: Company, site: Site) -> None:
    base = f"/api/v1/plants/{site.pk}"

    def ask(method: str, path: str, body: Any = None, key: str = company.manager_key) -> Any:
        return Client().generic(
            method, path, "" if body is None else json.dumps(body), "application/json",
            headers={"Authorization": f"Bearer {key}"},
        )  # fmt: skip

    early = {"name": "Early", "starts_at": "06:00", "ends_at": "14:00", "weekdays": WORKDAYS}
    made = ask("POST", f"{base}/shifts/", early)
    assert made.status_code == 201
    shift = f"{base}/shifts/{made.json()['id']}/"
    assert ask("POST", f"{base}/shifts/", early).json()["key"] == "base.invalid_input"
    for day in ("yesterday", "0001-01-01", "9999-12-31"):
        assert ask("GET", f"{base}/calendar/?from={day}").json()["key"] == "base.invalid_input"
    assert ask("PUT", f"{base}/special-days/", {"on": "2026-06-03", "is_working": False}).status_code == 200
    told = ask("GET", f"{base}/calendar/?from=2026-06-01&days=7").json()
    assert [span["on"] for span in told] == ["2026-06-01", "2026-06-02", "2026-06-04", "2026-06-05"]
    assert told[0]["starts_at"] == "2026-05-31T22:00:00.000000Z"
    assert ask("POST", f"{base}/holidays/", {"year": 2026}).json()["added"] > 20
    assert ask("DELETE", f"{base}/special-days/?on=2026-06-03").status_code == 204
    changed = ask("PUT", f"{shift}?from=2026-06-04", {**early, "starts_at": "05:00"}).json()
    assert (changed["starts_at"], changed["valid_from"]) == ("05:00:00", "2026-06-04")
    assert ask("DELETE", f"{base}/shifts/{changed['id']}/?from=2026-06-04").status_code == 204
    for path in ("shifts/", "special-days/", "calendar/"):
        assert ask("GET", f"{base}/{path}", key=stranger.manager_key).status_code == 404
        assert ask("GET", f"{base}/{path}", key=company.viewer_key).status_code == 200
    assert ask("POST", f"{base}/shifts/", early, key=company.viewer_key).status_code == 403
    assert ask("DELETE", shift, key=stranger.manager_key).status_code == 404
    for query in ("from=tomorrow", "days=0", "days=401", "days=x"):
        assert ask("GET", f"{base}/calendar/?{query}").status_code == 400


def test_the_page_leads_from_nothing_to_a_calendar(
    company: Company, site: Site, sign_in: Callable[[Any], Client]
) -> None:
    page, path = sign_in(company.manager), f"/setup/plants/{site.pk}/calendar/"
    assert b"No shifts yet" in page.get(path).content
    assert (
        b"The shifts are made" in page.post(path, {"deed": "pattern", "pattern": "3x8"}, follow=True).content
    )
    shown = page.get(path).content.decode()
    assert "Shift 3 22:00–06:00" in shown
    overlapping = {
        "deed": "shift",
        "name": "More",
        "starts_at": "10:00",
        "ends_at": "12:00",
        "weekdays": ["1"],
    }
    refused = page.post(path, overlapping)
    assert refused.status_code == 422
    assert "This overlaps Shift 1" in refused.content.decode()
    assert b"days are added" in page.post(path, {"deed": "holidays", "year": "2026"}, follow=True).content
    unknown = page.post(path, {"deed": "holidays", "year": "2099"}, follow=True).content.decode()
    assert re.search(r'class="notice bad"[^>]*><span>[^<]*are not known', unknown)
    given = {"deed": "day", "on": "2026-12-31", "is_working": "no", "name": "Stock-taking"}
    assert b"Stock-taking" in page.post(path, given, follow=True).content
    page.post(path, {"deed": "clear", "on": "2026-12-31"})
    assert b"Stock-taking" not in page.get(path).content
    page.post(path, {"deed": "begin", "day_starts_at": "05:30"})
    site.refresh_from_db()
    assert site.day_starts_at == time(5, 30)
    for deed in (
        {"deed": "end", "shift": "x"},
        {"deed": "clear", "on": "x"},
        {"deed": "holidays", "year": "x"},
    ):
        assert page.post(path, deed).status_code == 302
    first = queries.list_shifts(site)[0]
    page.post(path, {"deed": "end", "shift": str(first.pk)})
    assert first.name not in {row.name for row in queries.list_shifts(site) if row.valid_until is None}
    assert sign_in(company.viewer).get(path).status_code == 403


def test_overview_and_chart_know_the_shift(
    company: Company, site: Site, sign_in: Callable[[Any], Client]
) -> None:
    machine = services.create_asset(
        site_id=site.pk, level="work_unit", name="Press", profile="press", with_points=True
    )
    page = sign_in(company.viewer)
    assert b'data-range="shift"' not in page.get(f"/machines/{machine.pk}/").content
    with translation.override("en"):
        services.use_pattern(site_id=site.pk, pattern="3x8")
    running = queries.read_calendar(site).find_shift(now_us())
    assert running is not None
    assert f"{running.name} until" in page.get("/").content.decode()
    shown = page.get(f"/machines/{machine.pk}/").content.decode()
    assert all(f'data-range="{key}"' in shown for key in ("shift", "last_shift", "day"))
    assert str(running.from_us // 1000) in shown
