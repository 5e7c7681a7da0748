"""Why an alarm is suppressed by design: the machine's state, another alarm, the calendar. ISA-18.2 §11.

Suppressed alarms are judged and journalled like others; nobody is told of them while they are. Not here: shelving and
out of service, which people do (services/answers).
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

from forgeline.alarms.plan import RuleInForce
from forgeline.assets.models import Asset, Site
from forgeline.assets.queries import read_calendar
from forgeline.telemetry import states
from forgeline.tenancy.context import require_tenant_id


def has_conditions(rule: RuleInForce) -> bool:
    """Say whether anything may suppress the rule's alarm."""
    definition = rule.definition
    return bool(definition.quiet_states or definition.quiet_under or definition.only_in_shifts)


def find_suppressed(
    rules: Sequence[RuleInForce], *, active: Collection[tuple[int, str]], now_us: int
) -> set[tuple[int, str]]:
    """Return (machine, key) of those rules whose alarm is suppressed now; ``active`` holds the active ones' likewise.

    **Time** the machine's states are brought up to the commit log first: a machine that stops and a pressure that
    falls with it are one batch.
    """
    rules = [rule for rule in rules if has_conditions(rule)]
    found = {
        (rule.asset_id, rule.key)
        for rule in rules
        if any((rule.asset_id, other) in active for other in rule.definition.quiet_under)
    }
    by_state = [rule for rule in rules if rule.definition.quiet_states]
    if by_state:
        states.follow(require_tenant_id(), now_us=now_us)
        current = states.read_current([rule.asset_id for rule in by_state])
        found |= {
            (rule.asset_id, rule.key)
            for rule in by_state
            if rule.asset_id in current and current[rule.asset_id][0] in rule.definition.quiet_states
        }
    by_shift = [rule for rule in rules if rule.definition.only_in_shifts]
    if by_shift:
        working = _working_assets({rule.asset_id for rule in by_shift}, now_us)
        found |= {(rule.asset_id, rule.key) for rule in by_shift if rule.asset_id not in working}
    return found


def _working_assets(asset_ids: set[int], now_us: int) -> set[int]:
    """Return the machines whose plant has a shift now."""
    site_of = dict(Asset.objects.filter(pk__in=asset_ids).values_list("pk", "site_id"))
    working = {
        site.pk
        for site in Site.objects.filter(pk__in=set(site_of.values()))
        if read_calendar(site).find_shift(now_us) is not None
    }
    return {asset_id for asset_id, site_id in site_of.items() if site_id in working}
