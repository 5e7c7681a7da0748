"""Public holidays of a country, from kept libraries. Not here: putting them into a plant's calendar (calendar)."""

from __future__ import annotations

from datetime import date, timedelta

import chinese_calendar
import holidays
from babel import Locale
from django.utils.translation import get_language, gettext as _

from forgeline.assets.calendar import SpecialDay
from forgeline.base.errors import InvalidInputError


def list_holidays(country: str, year: int, *, language: str = "en") -> dict[date, SpecialDay]:
    """Return the public holidays of a year, and in China the weekend days that are worked for them (调休).

    **Raises** InvalidInputError for an unknown country, and for a year whose Chinese arrangement is not known yet:
    the State Council announces it in the autumn before.
    """
    if country == "CN":
        return _list_chinese(year, language)
    try:
        found = holidays.country_holidays(country, years=year, language=_LANGUAGES.get(language))
    except NotImplementedError:
        sentence = _("No public holidays are known for %(country)s; enter them by hand.")
        raise _fault(sentence, country=name_country(country) or "–") from None
    return {on: SpecialDay(False, name) for on, name in sorted(found.items())}


def list_countries() -> list[str]:
    """Return the ISO 3166 codes of the countries whose public holidays are known, by name in the reader's language."""
    return sorted(holidays.list_supported_countries(), key=name_country)


def name_country(code: str) -> str:
    """Return the country's name in the reader's language; the code itself where it has none."""
    locale = Locale.parse(_LANGUAGES.get(get_language() or "en", "en_US"))
    return str(locale.territories.get(code, code))


def _list_chinese(year: int, language: str) -> dict[date, SpecialDay]:
    days: dict[date, SpecialDay] = {}
    on = date(year, 1, 1)
    while on.year == year:
        try:
            is_off, english = chinese_calendar.get_holiday_detail(on)
        except NotImplementedError:
            sentence = _(
                "The holidays of %(year)s are not known to this version yet; update Forgeline, or enter them by hand."
            )
            raise _fault(sentence, year=year) from None
        name = (_CHINESE.get(english, english) if language == "zh-hans" else english) or ""
        if is_off and name:
            days[on] = SpecialDay(False, name)
        elif not is_off and on.isoweekday() > 5:
            days[on] = SpecialDay(True, _("Make-up day: %(name)s") % {"name": name})
        on += timedelta(days=1)
    return days


_LANGUAGES = {"en": "en_US", "zh-hans": "zh_CN"}
_CHINESE = {
    "New Year's Day": "元旦", "Spring Festival": "春节", "Tomb-sweeping Day": "清明节", "Labour Day": "劳动节",
    "Dragon Boat Festival": "端午节", "National Day": "国庆节", "Mid-autumn Festival": "中秋节",
}  # fmt: skip


def _fault(sentence: str, **words: object) -> InvalidInputError:
    said = sentence % words
    return InvalidInputError.at("year", said, key="assets.holidays_unknown")
