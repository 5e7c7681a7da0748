"""Reads of an alarm system as a whole, as JSON-like data: numbers of a span, floods, nuisances, what stands.

In the tenant's scope; two queries beside the plants', whatever is read. Not here: bad actors (worst), stored weeks
(reports).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

import numpy as np
from django.utils.translation import gettext as _
from numpy.typing import NDArray

from forgeline.alarms.analysis import kpis
from forgeline.alarms.analysis.calls import NEVER, find_calls, within
from forgeline.alarms.analysis.journal import Journal, Who, read_alarms, read_journal
from forgeline.alarms.analysis.kpis import DAY_US, HOUR_US, Position
from forgeline.alarms.analysis.nuisance import STALE_US, find_chattering, find_fleeting, find_stale
from forgeline.alarms.analysis.rates import Flood, find_floods
from forgeline.assets.calendar import PlantCalendar
from forgeline.assets.models import Site
from forgeline.assets.queries import get_site, list_sites
from forgeline.base import clock
from forgeline.base.clock import to_us as us_of
from forgeline.base.errors import InvalidInputError

MAX_DAYS = 92
DEFAULT_DAYS = 7
LEAD_US = HOUR_US
"""What is read before a span, so that a flood which runs into it is seen from its begin."""
MOST_FLOODS, MOST_LISTED, MOST_STANDING = 50, 100, 500


def analyse(
    *, site_id: int | None = None, from_: datetime | None = None, to: datetime | None = None,
    now: datetime | None = None,
) -> dict[str, Any]:  # fmt: skip
    """Return the analysis of a span, of one plant or of all; without a span of the last seven days.

    **Shape** ``{"from", "to", "is_cut", "results": [{"plant", "plant_name", "zone", "known_from", "kpis", "days",
    "floods", "chattering", "fleeting", "stale", "standing_total", "standing"}]}``; see ``describe`` and
    ``list_standing``. ``is_cut``: there was more to read than can be read at once, and ``to`` is where it ends.
    **Raises** NotFoundError for a plant that is not there, InvalidInputError for an empty span or one too long.
    """
    now = now or clock.now()
    from_us, to_us = _span(from_, to, now)
    sites = find_sites(site_id)
    spans = {site.pk: (from_us, to_us) for site in sites}
    positions, alarms, journal = read_positions(sites, spans)
    to_us = max(journal.until_us, from_us + 1)
    results = []
    for site in sites:
        standing = _standing((who for who in alarms.values() if who.site_id == site.pk), us_of(now))
        results.append(
            {
                "plant": site.pk,
                "plant_name": site.title,
                "zone": site.zone,
                **describe(positions[site.pk], alarms, from_us, to_us),
                "standing_total": len(standing),
                "standing": standing[:MOST_STANDING],
            }
        )
    return {"from": iso(from_us), "to": iso(to_us), "is_cut": journal.is_cut, "results": results}


def list_standing(*, site_id: int | None = None, now: datetime | None = None) -> list[dict[str, Any]]:
    """Return the alarms that are active now, the oldest first: who, ``since``, ``hours``, ``is_acknowledged``,
    ``is_silenced`` (shelved, suppressed or out of service: nobody is told), ``is_stale`` (for more than 24 hours).
    """
    alarms = read_alarms([site.pk for site in find_sites(site_id)])
    return _standing(alarms.values(), us_of(now or clock.now()))


def read_positions(
    sites: Sequence[Site], spans: Mapping[int, tuple[int, int]]
) -> tuple[dict[int, Position], dict[int, Who], Journal]:
    """Return what is known of each plant in its span ``[from, to)``, all alarms by id, and the journal as it was read.

    Each plant is seen as it was known at the end of its span: what came afterwards changes nothing.
    """
    ids = [site.pk for site in sites]
    alarms = read_alarms(ids)
    begin_us = min((from_us for from_us, _ in spans.values()), default=LEAD_US) - LEAD_US
    journal = read_journal(ids, begin_us, max((to_us for _, to_us in spans.values()), default=LEAD_US))
    place = np.array([[alarm, who.site_id] for alarm, who in sorted(alarms.items())], np.int64).reshape(-1, 2)
    entries = journal.entries[np.isin(journal.entries["alarm"], place[:, 0])]
    site_of = place[np.searchsorted(place[:, 0], entries["alarm"]), 1]
    found = {}
    for site in sites:
        from_us, to_us = spans[site.pk]
        until_us = min(to_us, journal.until_us)
        own = entries[(site_of == site.pk) & (entries["at_us"] < until_us)]
        calls = find_calls(own, until_us)
        floods = [each for each in find_floods(calls, until_us) if _ends_after(each, from_us)]
        here = [who for who in alarms.values() if who.site_id == site.pk]
        found[site.pk] = Position(
            own,
            calls,
            floods,
            {who.alarm_id: who.priority for who in here},
            calendar_of(site),
            since_us=min((us_of(who.first_at) for who in here if who.first_at), default=0),
        )
    return found, alarms, journal


def describe(position: Position, alarms: Mapping[int, Who], from_us: int, to_us: int) -> dict[str, Any]:
    """Return all that is told of a plant and span, but for what stands now.

    **Shape** ``known_from``: of the time before nothing is known; ``kpis``: key → value, target, relation, manageable,
    is_met, why (kpis.compute); ``days``: on, alarms, critical, high, medium, low, stale; ``floods``: begin, end (null:
    it goes on), minutes, count, peak_10_minutes, first (who), contributors (who, count); ``chattering``: who, calls,
    chattering, episodes, most_a_minute, index; ``fleeting``: who, calls, fleeting; ``stale``: who, since, until (null:
    it stands), hours, is_acknowledged. Who: alarm, asset, asset_name, asset_names, key, name (by language), priority.
    """
    calls = within(position.calls, from_us, to_us)
    chattering, fleeting = find_chattering(calls), find_fleeting(calls)
    return {
        "known_from": iso(position.known_us(from_us)),
        "kpis": kpis.compute(position, from_us, to_us),
        "days": kpis.list_days(position, from_us, to_us),
        "floods": [_flood(each, alarms, to_us) for each in position.floods[-MOST_FLOODS:]],
        "chattering": [
            {
                **alarms[each.alarm].as_json(), "calls": each.calls, "chattering": each.chattering,
                "episodes": each.episodes, "most_a_minute": each.most_a_minute, "index": each.index,
            }
            for each in chattering[:MOST_LISTED]
        ],
        "fleeting": [
            {**alarms[each.alarm].as_json(), "calls": each.calls, "fleeting": each.fleeting}
            for each in fleeting[:MOST_LISTED]
        ],
        "stale": _stale(find_stale(position.calls, from_us, to_us), alarms),
    }  # fmt: skip


def calendar_of(site: Site) -> PlantCalendar:
    """Return a plant's production days; shifts are not asked for here."""
    return PlantCalendar(site.zone, site.day_starts_at)


def iso(us: int) -> str:
    """Return an instant as the API writes it."""
    return clock.from_us(us).isoformat().replace("+00:00", "Z")


def _span(from_: datetime | None, to: datetime | None, now: datetime) -> tuple[int, int]:
    """Return ``[from, to)``; nothing is known beyond now."""
    to_us = min(us_of(to or now), us_of(now))
    from_us = to_us - DEFAULT_DAYS * DAY_US if from_ is None else us_of(from_)
    if from_us < LEAD_US or from_us >= to_us:
        raise InvalidInputError.at(
            "from", _("The span is empty; choose a begin before its end and before now.")
        )
    if to_us - from_us > MAX_DAYS * DAY_US:
        raise InvalidInputError.at(
            "from", _("At most %(most)d days can be looked at together.") % {"most": MAX_DAYS}
        )
    return from_us, to_us


def find_sites(site_id: int | None) -> list[Site]:
    """Return one plant, or all that are in use. **Raises** NotFoundError."""
    return list(list_sites()) if site_id is None else [get_site(site_id)]


def _ends_after(flood: Flood, at_us: int) -> bool:
    return flood.end_us is None or flood.end_us > at_us


def _flood(flood: Flood, alarms: Mapping[int, Who], to_us: int) -> dict[str, Any]:
    end_us = to_us if flood.end_us is None else flood.end_us
    return {
        "begin": iso(flood.begin_us),
        "end": None if flood.end_us is None else iso(flood.end_us),
        "minutes": round((end_us - flood.begin_us) / 6e7, 2),
        "count": flood.count,
        "peak_10_minutes": flood.peak,
        "first": alarms[flood.first].as_json(),
        "contributors": [{**alarms[alarm].as_json(), "count": count} for alarm, count in flood.contributors],
    }


def _stale(calls: NDArray[np.void], alarms: Mapping[int, Who]) -> list[dict[str, Any]]:
    longest_first = np.argsort(calls["at_us"] - calls["end_us"], kind="stable")[:MOST_LISTED]
    return [
        {
            **alarms[int(call["alarm"])].as_json(),
            "since": iso(int(call["at_us"])),
            "until": None if call["is_open"] else iso(int(call["end_us"])),
            "hours": round(float(call["end_us"] - call["at_us"]) / HOUR_US, 1),
            "is_acknowledged": bool(call["answered_us"] != NEVER),
        }
        for call in calls[longest_first]
    ]


def _standing(alarms: Iterable[Who], now_us: int) -> list[dict[str, Any]]:
    active = sorted((who for who in alarms if who.is_active and who.raised_at), key=_raised_us)
    return [
        {
            **who.as_json(),
            "since": iso(_raised_us(who)),
            "hours": round((now_us - _raised_us(who)) / HOUR_US, 3),
            "is_acknowledged": who.is_acknowledged,
            "is_silenced": who.is_silenced,
            "is_stale": now_us - _raised_us(who) > STALE_US and not who.is_silenced,
        }
        for who in active
    ]


def _raised_us(who: Who) -> int:
    assert who.raised_at is not None
    return us_of(who.raised_at)
