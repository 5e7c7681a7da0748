"""The events that there are, from the manifests of all parts. Not here: how one is announced (outbox)."""

from __future__ import annotations

import re
from collections.abc import Sequence

from django.utils.translation import gettext as _

from forgeline.base.errors import InvalidInputError
from forgeline.modules.manifest import EventType
from forgeline.modules.registry import list_events

_PATTERN = re.compile(r"\*|[a-z_]+(\.[a-z_]+)*(\.\*)?")
PING = "webhooks.ping"
MOST_PATTERNS = 50


def list_types() -> list[EventType]:
    """Return every event type, by its key."""
    return sorted(list_events(), key=lambda each: each.key)


def list_titles() -> dict[str, str]:
    """Return what is called up, key → title: the test, and every event type."""
    return {PING: _("Test"), **{each.key: str(each.title) for each in list_types()}}


def check_patterns(patterns: Sequence[str]) -> list[str]:
    """Return patterns without doubles. **Raises** InvalidInputError for none, too many, or one that fits no event."""
    chosen = list(dict.fromkeys(patterns))
    if not chosen or len(chosen) > MOST_PATTERNS:
        raise _invalid(_("Choose between 1 and %(most)d events.") % {"most": MOST_PATTERNS})
    keys = [each.key for each in list_types()]
    for pattern in chosen:
        if not _PATTERN.fullmatch(pattern) or not any(fits(pattern, key) for key in keys):
            raise _invalid(_("There is no event %(pattern)s.") % {"pattern": pattern[:80]})
    return chosen


def fits(pattern: str, key: str) -> bool:
    """Say whether a pattern means an event: the very one, or what stands before ``*``."""
    return key.startswith(pattern[:-1]) if pattern.endswith("*") else key == pattern


def _invalid(sentence: str) -> InvalidInputError:
    return InvalidInputError.at("events", sentence)
