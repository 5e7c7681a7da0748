"""The ledger of what models foretell: opened once, ordered by a click or by rule, labelled by who looked.

Not here: what is found (condition), what the labels add up to (queries/condition).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils import translation
from django.utils.translation import gettext as _

from apps.health import wording
from apps.health.models import Advisory, Episode, ModelVersion, WorkOrder
from apps.health.models.condition import TOGETHER, AdvisoryKind, Finding
from apps.health.models.orders import OrderKind, OrderPriority
from apps.health.queries.condition import read_model
from apps.health.queries.ledger import LIFE, LIFE_SPAN, PATTERN
from apps.health.queries.register import find_terms
from apps.health.queries.watched import TREND_SPAN
from apps.health.rules import PLAN, REQUEST, WORK
from apps.health.services.orders import make_order
from apps.health.services.saving import by_of, company_language, invalid
from forgeline.assets.models import Asset
from forgeline.assets.services.saving import get_for_change
from forgeline.base import clock
from forgeline.base.errors import ConflictError
from forgeline.identity.policy import Actor, require_permission
from forgeline.notifications.message import Message
from forgeline.notifications.services import announce, settle

BEFORE = timedelta(days=2)
"""So much of what was before is shown as evidence."""
AFTER = timedelta(hours=6)
FRESH = timedelta(days=1)
"""Who is told of an episode that is older? Nobody: it came with a history, and stands in the list."""
REST = timedelta(days=7)
"""After a finding a trend is not told again at once."""
_OVER = ("rejected", "cancelled")


def open_for_episode(asset: Asset, episode: Episode, version: ModelVersion | None = None) -> Advisory | None:
    """Open the advisory of an episode, or widen the evidence of the one that stands; None where nothing is new.

    What a point says by itself goes before what all say together by ``version`` of their pattern; one that is not
    trusted calls nobody.
    """
    found = Advisory.objects.filter(episode=episode).first()
    if found is not None:
        found.evidence_to = episode.last_at + AFTER
        found.save(update_fields=["evidence_to"])
        return None
    alone = {int(key): each for key, each in episode.points.items() if key != TOGETHER}
    if not alone:
        together = episode.points[TOGETHER]
        shown = [point_id for point_id, _share in together["shares"]]
        return _open(
            asset, model=PATTERN, kind=AdvisoryKind.ANOMALY, point_id=shown[0], episode=episode, point_ids=shown,
            data=dict(together), version="" if version is None else str(version.number),
            is_trusted=version is not None and version.is_trusted, evidence_from=episode.started_at - BEFORE,
            evidence_to=episode.last_at + AFTER, happened_at=episode.started_at,
        )  # fmt: skip
    ranked = sorted(alone.items(), key=lambda item: -item[1]["score"])
    return _open(
        asset, model="point_anomaly", kind=AdvisoryKind.ANOMALY, point_id=ranked[0][0], episode=episode,
        point_ids=[point_id for point_id, _value in ranked[:6]], data=dict(ranked[0][1]),
        evidence_from=episode.started_at - BEFORE, evidence_to=episode.last_at + AFTER,
        happened_at=episode.started_at,
    )  # fmt: skip


def open_for_trends(asset: Asset, trends: Sequence[Mapping[str, Any]], now: datetime) -> None:
    """Open an advisory for each limit whose interval's near end lies within the company's horizon.

    While one of a point stands there is no second.
    """
    answers = [trend for trend in trends if "expected_s" in trend]
    horizon_s = find_terms().horizon_days * 86_400.0 if answers else 0.0
    for trend in answers:
        mine = Advisory.objects.filter(point_id=trend["point"], kind=AdvisoryKind.TREND)
        if trend["low_s"] > horizon_s or not _is_news(mine, now):
            continue
        _open(
            asset, model="trend_to_limit", kind=AdvisoryKind.TREND, point_id=trend["point"],
            point_ids=[trend["point"]], data=dict(trend), evidence_from=now - TREND_SPAN, evidence_to=now,
            happened_at=now, lead=(trend["expected_s"], trend["low_s"], trend["high_s"]),
        )  # fmt: skip


def open_for_life(asset: Asset, life: Mapping[str, Any], now: datetime) -> None:
    """Open an advisory where the near end of what is left of a life lies within the horizon, one at a time."""
    mine = Advisory.objects.filter(asset=asset, kind=AdvisoryKind.LIFE)
    if life["low_s"] > find_terms().horizon_days * 86_400.0 or not _is_news(mine, now):
        return
    _open(
        asset, model=LIFE, kind=AdvisoryKind.LIFE, point_id=life["point"], point_ids=[life["point"]], data=dict(life),
        evidence_from=now - LIFE_SPAN, evidence_to=now, happened_at=now, version=str(life["version"]),
        lead=(life["expected_s"], life["low_s"], life["high_s"]),
    )  # fmt: skip


def _is_news(former: QuerySet[Advisory], now: datetime) -> bool:
    """Say whether nobody is told already, nor has looked within REST."""
    return not former.filter(Q(finding="") | Q(found_at__gt=now - REST)).exists()


def order_advisory(advisory_id: int, *, actor: Actor) -> WorkOrder:
    """Make the work order of an advisory, once. **Raises** ConflictError where it has one, or was labelled."""
    require_permission(actor, REQUEST)
    with transaction.atomic():
        row = get_for_change(Advisory, advisory_id)
        if row.finding:
            raise ConflictError(
                _("Somebody has looked at it already; nothing is left to order."),
                key="health.advisory_labelled", data={"finding": row.finding},
            )  # fmt: skip
        if row.work_order is not None and row.work_order.state not in _OVER:
            raise ConflictError(
                _("Work order #%(number)s stands for it already.") % {"number": row.work_order.number},
                key="health.advisory_ordered", data={"work_order": row.work_order_id},
            )  # fmt: skip
        return _order(row, by=by_of(actor))


def label_advisory(advisory_id: int, finding: str, *, note: str = "", actor: Actor) -> Advisory:
    """Say what was found; said again, it takes the former's place (who plans), so that a slip can be mended."""
    require_permission(actor, WORK)
    if finding not in (Finding.CONFIRMED, Finding.FALSE, Finding.OTHER):
        raise invalid(finding=_("Choose confirmed, false or other."))
    with transaction.atomic():
        row = get_for_change(Advisory, advisory_id)
        if row.finding:
            require_permission(actor, PLAN)
        row.finding, row.finding_note = finding, note.strip()[:1000]
        row.found_by, row.found_at = by_of(actor), row.found_at or clock.now()
        row.save()
        settle(f"advisory:{row.pk}", by=row.found_by)
    return row


def _open(
    asset: Asset,
    *,
    model: str,
    kind: str,
    point_id: int,
    point_ids: list[int],
    data: dict[str, Any],
    evidence_from: datetime,
    evidence_to: datetime,
    happened_at: datetime,
    episode: Episode | None = None,
    version: str = "",
    is_trusted: bool = True,
    lead: tuple[float | None, float | None, float | None] | None = None,
) -> Advisory:
    terms, figures, now = find_terms(), read_model(model), clock.now()
    expected, low, high = lead or (figures.lead_s, None, None)
    may_tell = figures.may_tell and is_trusted
    is_told = may_tell and now - happened_at <= FRESH
    row = Advisory.objects.create(
        asset=asset, point_id=point_id, episode=episode, kind=kind, model=model, version=version or figures.version,
        data=data,
        point_ids=point_ids, evidence_from=evidence_from, evidence_to=min(evidence_to, now), opened_at=now,
        lead_s=expected, lead_low_s=low, lead_high_s=high, cost_acting=terms.cost_acting,
        cost_failure=terms.cost_failure, was_told=is_told,
    )  # fmt: skip
    if is_told:
        _tell(row, happened_at)
    if terms.orders_by_rule and may_tell:
        _order(row, by="Forgeline")
    return row


def _tell(row: Advisory, happened_at: datetime) -> None:
    title, body = {}, {}
    for language, _name in settings.LANGUAGES:
        with translation.override(language):
            words = {"what": row.asset.title, "words": row.point.title}
            title[language] = _("%(what)s: %(words)s") % words
            body[language] = wording.advisory_sentence(row)
    announce(
        Message(
            subject=f"advisory:{row.pk}", kind="health.advisory", priority="medium", site_id=row.asset.site_id,
            title=title, body=body, path=f"/health/condition/advisories/{row.pk}/", happened_at=happened_at,
            needs_answer=False,
        )
    )  # fmt: skip


def _order(row: Advisory, *, by: str) -> WorkOrder:
    titles = {}
    for language, _name in settings.LANGUAGES:
        with translation.override(language):
            titles[language] = wording.advisory_sentence(row)[:160]
    with company_language():
        order = make_order(
            asset_id=row.asset_id, title=wording.advisory_sentence(row)[:160], titles=titles,
            kind=OrderKind.CONDITION,
            priority=OrderPriority.MEDIUM if row.kind == AdvisoryKind.ANOMALY else OrderPriority.HIGH,
            text=_("From an advisory; say what you found before the order is done."), by=by, requested_by=by,
        )  # fmt: skip
    row.work_order = order
    row.save(update_fields=["work_order"])
    return order
