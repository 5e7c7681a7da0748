"""When a person is told: quiet hours and times of collected messages, by the wall clock. Pure: no table, no clock."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

BACKOFF_S = (10, 30, 120, 300, 900, 1800, 3600, 3600)
"""Waits between tries; when they are used up a delivery has failed: after about three hours."""


@dataclass(frozen=True, slots=True)
class Wishes:
    """What a person wants, as far as time is concerned."""

    zone: str
    quiet_from: time | None = None
    quiet_to: time | None = None
    lets_critical: bool = True
    digest_minutes: int = 0


def quiet_until(wishes: Wishes, at: datetime) -> datetime | None:
    """Return the end of the quiet hours in which an instant lies, None outside them.

    **Time** by the wall clock of the person's zone; hours that end at or before their start run over midnight.
    """
    if wishes.quiet_from is None or wishes.quiet_to is None or wishes.quiet_from == wishes.quiet_to:
        return None
    zone = ZoneInfo(wishes.zone)
    local = at.astimezone(zone)
    wall = local.time()
    over_midnight = wishes.quiet_to < wishes.quiet_from
    if over_midnight:
        is_quiet = wall >= wishes.quiet_from or wall < wishes.quiet_to
    else:
        is_quiet = wishes.quiet_from <= wall < wishes.quiet_to
    if not is_quiet:
        return None
    ends_on = local.date()
    if over_midnight and wall >= wishes.quiet_from:
        ends_on += timedelta(days=1)
    return datetime.combine(ends_on, wishes.quiet_to, tzinfo=zone).astimezone(UTC)


def next_digest(wishes: Wishes, at: datetime) -> datetime:
    """Return when the next collected message goes: the next multiple of the interval since the person's midnight."""
    zone = ZoneInfo(wishes.zone)
    local = at.astimezone(zone)
    midnight = datetime.combine(local.date(), time(0), tzinfo=zone).astimezone(UTC)
    step = timedelta(minutes=wishes.digest_minutes)
    return midnight + step * ((at - midnight) // step + 1)


def hold(wishes: Wishes, priority: str, at: datetime) -> tuple[str, datetime] | None:
    """Say why and until when a message waits, None when it goes at once.

    Quiet hours come first: a collected message that would fall into them waits for their end.
    """
    until = quiet_until(wishes, at)
    if until is not None and not (priority == "critical" and wishes.lets_critical):
        return "quiet", until
    if priority == "low" and wishes.digest_minutes:
        goes_at = next_digest(wishes, at)
        return "digest", quiet_until(wishes, goes_at) or goes_at
    return None


def next_try(attempts: int, at: datetime, *, jitter: float, asked_s: float | None = None) -> datetime | None:
    """Return when a delivery that failed ``attempts`` times is tried again, None when it is given up.

    ``jitter`` in 0…1 spreads many that failed together over a fifth of the wait; ``asked_s`` is the recipient's own
    wish (Retry-After), at most an hour.
    """
    if attempts > len(BACKOFF_S):
        return None
    wait_s = BACKOFF_S[attempts - 1] * (1 + 0.2 * jitter)
    if asked_s is not None:
        wait_s = max(wait_s, min(asked_s, 3600.0))
    return at + timedelta(seconds=wait_s)
