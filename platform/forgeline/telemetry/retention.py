"""How long a company keeps its raw samples, and the door to change it. Roll-ups stay, whatever is chosen here.

Not here: dropping what is too old (maintenance), the service's own bound (FORGELINE_RETENTION_DAYS).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from django.conf import settings
from django.db import connection
from django.utils.translation import gettext as _

from forgeline.assets.services.announcing import announce_points
from forgeline.base.errors import InvalidInputError
from forgeline.entitlements.rights import rights_of
from forgeline.tenancy.context import require_tenant_id

MIN_DAYS = 1
EXCESS_DAYS = 7
"""How long raw samples beyond the plan are kept."""


@dataclass(frozen=True, slots=True)
class Retention:
    """``raw_days`` is what holds; ``chosen_days`` what the company asked for, None for as long as the service keeps."""

    raw_days: float
    chosen_days: float | None
    longest_days: float


def get_retention() -> Retention:
    """Return how long the tenant in force keeps raw samples."""
    longest = _longest()
    with connection.cursor() as cursor:
        cursor.execute("SELECT raw_days, chosen_days FROM telemetry_retention")
        row = cursor.fetchone()
    raw_days, chosen = (longest, None) if row is None else row
    return Retention(min(float(raw_days), longest), None if chosen is None else float(chosen), longest)


def set_raw_days(days: float | None) -> Retention:
    """Keep raw samples for ``days`` from now on, None for as long as the service and the plan do.

    What is older is out of sight at once, and deleted within the hour. Lengthening brings nothing back.
    **Raises** InvalidInputError outside 1 day to what the service and the plan keep.
    """
    longest = _longest()
    if days is not None and not MIN_DAYS <= days <= longest:
        sentence = _("Raw samples can be kept for %(low)g to %(high)g days here.") % {
            "low": MIN_DAYS,
            "high": longest,
        }
        raise InvalidInputError.at("raw_days", sentence, key="telemetry.retention_out_of_range")
    _keep(None if days == longest else days)
    return get_retention()


def follow_plan() -> Retention:
    """Keep raw samples no longer than the plan does, and as long as was chosen where a larger plan allows it again."""
    _keep(get_retention().chosen_days)
    return get_retention()


def _longest() -> float:
    own = float(settings.TELEMETRY["RETENTION_DAYS"])
    planned = rights_of(require_tenant_id()).limits.get("raw_days")
    return own if planned is None else min(own, float(planned))


def _keep(chosen: float | None) -> None:
    longest = _longest()
    raw_days = longest if chosen is None else min(chosen, longest)
    with connection.cursor() as cursor:
        if chosen is None and longest == float(settings.TELEMETRY["RETENTION_DAYS"]):
            cursor.execute("DELETE FROM telemetry_retention")
        else:
            cursor.execute(
                "INSERT INTO telemetry_retention (tenant_id, raw_days, chosen_days) VALUES (%s, %s, %s)"
                " ON CONFLICT (tenant_id) DO UPDATE"
                " SET raw_days = excluded.raw_days, chosen_days = excluded.chosen_days"
                " WHERE (telemetry_retention.raw_days, telemetry_retention.chosen_days)"
                " IS DISTINCT FROM (excluded.raw_days, excluded.chosen_days)",
                [require_tenant_id(), raw_days, chosen],
            )
        is_changed = cursor.rowcount > 0
    if is_changed:
        announce_points()


def begin_excess(at: datetime) -> None:
    """Raw samples of the tenant in force from now on are beyond its plan, and kept for EXCESS_DAYS."""
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO telemetry_excess (tenant_id, from_at) SELECT %(tenant)s, %(at)s"
            " WHERE NOT EXISTS (SELECT 1 FROM telemetry_excess WHERE to_at IS NULL)",
            {"tenant": require_tenant_id(), "at": at},
        )


def end_excess(at: datetime) -> None:
    """Raw samples of the tenant in force are within its plan again."""
    with connection.cursor() as cursor:
        cursor.execute("UPDATE telemetry_excess SET to_at = %s WHERE to_at IS NULL", [at])
