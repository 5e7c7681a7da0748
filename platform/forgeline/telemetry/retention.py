"""How long a company keeps its raw samples, and the door to change it. Roll-ups stay, whatever is chosen here.

Not here: dropping what is too old (maintenance), the service's own bound (FORGELINE_RETENTION_DAYS).
"""

from __future__ import annotations

from dataclasses import dataclass

from django.conf import settings
from django.db import connection
from django.utils.translation import gettext as _

from forgeline.assets.services.announcing import announce_points
from forgeline.base.errors import InvalidInputError
from forgeline.tenancy.context import require_tenant_id

MIN_DAYS = 1


@dataclass(frozen=True, slots=True)
class Retention:
    """``raw_days`` is what holds; ``chosen_days`` what the company asked for, None for as long as the service keeps."""

    raw_days: float
    chosen_days: float | None
    longest_days: float


def get_retention() -> Retention:
    """Return how long the tenant in force keeps raw samples."""
    require_tenant_id()
    longest = float(settings.TELEMETRY["RETENTION_DAYS"])
    with connection.cursor() as cursor:
        cursor.execute("SELECT raw_days FROM telemetry_retention")
        row = cursor.fetchone()
    chosen = None if row is None else float(row[0])
    return Retention(longest if chosen is None else min(chosen, longest), chosen, longest)


def set_raw_days(days: float | None) -> Retention:
    """Keep raw samples for ``days`` from now on, None for as long as the service does.

    What is older is out of sight at once, and deleted within the hour. Lengthening brings nothing back.
    **Raises** InvalidInputError outside 1 day to the service's own retention.
    """
    tenant_id = require_tenant_id()
    longest = float(settings.TELEMETRY["RETENTION_DAYS"])
    if days is not None and not MIN_DAYS <= days <= longest:
        sentence = _("Raw samples can be kept for %(low)g to %(high)g days here.") % {
            "low": MIN_DAYS,
            "high": longest,
        }
        raise InvalidInputError(
            sentence, key="telemetry.retention_out_of_range", data={"fields": {"raw_days": [sentence]}}
        )
    with connection.cursor() as cursor:
        if days is None or days == longest:
            cursor.execute("DELETE FROM telemetry_retention")
        else:
            cursor.execute(
                "INSERT INTO telemetry_retention (tenant_id, raw_days) VALUES (%s, %s)"
                " ON CONFLICT (tenant_id) DO UPDATE SET raw_days = excluded.raw_days",
                [tenant_id, days],
            )
    announce_points()
    return get_retention()
