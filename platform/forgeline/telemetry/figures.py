"""How the way to the disk fares, over all companies, for the operator's console. Not here: Prometheus (metrics)."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db import connection
from django.utils.translation import gettext as _, gettext_lazy, ngettext

from forgeline.base import clock
from forgeline.modules.manifest import Figure

SPAN = timedelta(minutes=10)
LATE_S, STUCK_S = 120, 900
_MANY = 10_000

_FOLLOWERS = {
    "alarms.judge": gettext_lazy("judging of alarms"),
    "metering": gettext_lazy("metering of use"),
    "telemetry.states": gettext_lazy("machine states"),
}


def read_figures() -> list[Figure]:
    """Return the rate of intake and how far behind each kind of follower is; zeros outside the operator's scope."""
    now = clock.now()
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT samples, batches, tenants, newest_at FROM telemetry_operator_intake(%s)", [now - SPAN]
        )
        samples, batches, tenants, newest_at = cursor.fetchone()
        cursor.execute("SELECT name, followers, behind, moved_at FROM telemetry_operator_followers()")
        followers = cursor.fetchall()
    sending = ngettext("%(n)d company sends", "%(n)d companies send", tenants) % {"n": tenants}
    figures = [
        Figure(
            _("Samples stored, 10 minutes"), f"{samples:,}", "" if samples else "setup",
            f"{samples / SPAN.total_seconds():,.1f} /s · {sending}",
        ),
        Figure(_("Batches, 10 minutes"), f"{batches:,}"),
        Figure(_("Newest batch"), _ago(newest_at, now) if newest_at else "–"),
    ]  # fmt: skip
    return figures + [_follower(*row, now=now) for row in followers]


def _follower(name: str, count: int, behind: int, moved_at: datetime, *, now: datetime) -> Figure:
    still_s = (now - moved_at).total_seconds()
    tone = "running"
    if behind and still_s > LATE_S:
        tone = "down" if still_s > STUCK_S else "setup"
    words = _("%(n)s or more batches behind") if behind >= _MANY else _("%(n)s batches behind")
    return Figure(
        _("Follower: %(name)s") % {"name": _FOLLOWERS.get(name, name)}, words % {"n": f"{behind:,}"}, tone,
        _("%(count)d of them, the slowest moved %(ago)s") % {"count": count, "ago": _ago(moved_at, now)},
    )  # fmt: skip


def _ago(at: datetime, now: datetime) -> str:
    seconds = max(0, int((now - at).total_seconds()))
    if seconds < 120:
        return _("%(n)d s ago") % {"n": seconds}
    if seconds < 7200:
        return _("%(n)d min ago") % {"n": seconds // 60}
    return _("%(n)d h ago") % {"n": seconds // 3600}
