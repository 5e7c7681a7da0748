"""Filters of all pages: values as people read them, states as words, where one is in the navigation."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from django import template
from django.conf import settings
from django.utils.html import format_html
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import get_language, gettext as _, pgettext

from forgeline.base.unit_words import display_unit

register = template.Library()

DASH = "–"


@register.filter
def unit(code: str) -> str:
    """UCUM as the shop floor writes it."""
    return display_unit(code or "")


@register.filter
def state_word(state: str) -> str:
    """The word of a machine's state."""
    return {
        "running": pgettext("machine state", "Running"),
        "idle": pgettext("machine state", "Idle"),
        "setup": pgettext("machine state", "Set-up"),
        "down": pgettext("machine state", "Down"),
        "off": pgettext("machine state", "Off"),
        "no_data": pgettext("machine state", "No data"),
        "maintenance": pgettext("machine state", "Maintenance"),
    }.get(state, state)


@register.filter
def quality_word(quality: int) -> str:
    return {0: _("good"), 1: _("uncertain"), 2: _("bad")}.get(quality, "")


@register.filter
def section_title(section: str) -> str:
    return {
        "modules": _("Modules"),
        "intake": _("Intake"),
        "company": _("Company"),
        "operator": _("Service"),
    }.get(section, "")


@register.simple_tag
def has_mail_server() -> bool:
    """Whether letters leave this server; without one they become files (FORGELINE_EMAIL_URL)."""
    return not settings.EMAIL_BACKEND.endswith(".filebased.EmailBackend")


def label_of(labels: dict[str, Any], value: float | None) -> str:
    """Return the word of a state's code in the reader's language, or ''."""
    if value is None or not labels:
        return ""
    code = str(int(value)) if float(value).is_integer() else str(value)
    word = labels.get(code, "")
    if isinstance(word, dict):
        word = word.get(get_language() or "en") or word.get("en") or next(iter(word.values()), "")
    return str(word)


def words_of(point: Any) -> dict[str, str]:
    """Return code → word of a point's states in the reader's language; yes and no for a boolean."""
    if point.kind == 3 and not point.labels:
        return {"0": _("no"), "1": _("yes")}
    return {str(code): label_of(point.labels, float(code)) for code in point.labels if _is_number(str(code))}


def _is_number(word: str) -> bool:
    return word.lstrip("-").replace(".", "", 1).isdigit()


@register.simple_tag
def shown_value(point: Any, latest: Any) -> str:
    """A point's newest value as a person reads it: a word for a state, decimals as set, a dash for none."""
    if latest is None or latest.value is None:
        return DASH
    if isinstance(latest.value, str):
        return latest.value
    word = words_of(point).get(str(int(latest.value)) if float(latest.value).is_integer() else "")
    # Both languages group by three with a comma; Django's own Chinese format does not group at all.
    return word or f"{latest.value:,.{point.decimals}f}"


@register.simple_tag
def live_value(point: Any, latest: Any) -> SafeString:
    """A point's newest value that live.js keeps up: it shows nothing older than what is there by ``data-shown-ts``."""
    words = words_of(point)
    labels = (
        format_html(' data-labels="{}"', json.dumps(words, ensure_ascii=False)) if words else SafeString("")
    )
    shown = format_html(' data-shown-ts="{}"', latest.ts_us // 1000) if latest is not None else SafeString("")
    return format_html(
        '<span data-point="{}" data-decimals="{}"{}{}>{}</span>',
        point.pk, point.decimals, labels, shown, shown_value(point, latest),
    )  # fmt: skip


@register.simple_tag
def sparkline(values: Sequence[float | None], width: int = 240, height: int = 34) -> SafeString:
    """A line through values at equal steps; a gap where one is None. Drawn here: a page of forty needs no script."""
    known = [value for value in values if value is not None]
    if len(known) < 2:
        return mark_safe("")
    low, high = min(known), max(known)
    # A line that hardly moves is drawn as one: noise must not look like an event.
    span = max(high - low, 0.1 * max(abs(high), abs(low))) or 1.0
    low = (high + low - span) / 2
    step = width / max(len(values) - 1, 1)
    parts, is_down = [], False
    for number, value in enumerate(values):
        if value is None:
            is_down = False
            continue
        y = height - 3 - (value - low) / span * (height - 6)
        parts.append(f"{'L' if is_down else 'M'}{number * step:.1f} {y:.1f}")
        is_down = True
    # Numbers only: nothing of a user's stands in here.
    return mark_safe(  # noqa: S308
        f'<svg class="spark" viewBox="0 0 {width} {height}" preserveAspectRatio="none" aria-hidden="true">'
        f'<path d="{"".join(parts)}"/></svg>'
    )
