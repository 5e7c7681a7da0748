"""Alarms to the people they concern: into the notifications' outbox, and onto pages that are open.

Not here: who is told, when and by what (notifications).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from django.conf import settings
from django.utils import translation
from django.utils.translation import gettext as _

from forgeline.alarms.definitions import Definition, Priority, parse
from forgeline.alarms.models import Alarm, EntryKind
from forgeline.alarms.wording import Names, PointName, read_names, say_cause
from forgeline.assets.models import Asset
from forgeline.notifications import services as notifications
from forgeline.notifications.message import Message
from forgeline.realtime.publish import publish_many

if TYPE_CHECKING:
    from forgeline.alarms.lifecycle import News

SUBJECT = "alarm"
MAX_AT_ONCE = 100
"""Of a burst, the most urgent are told one by one, the rest in one message: nobody reads ten thousand."""
_URGENCY = {priority: at for at, priority in enumerate(Priority)}


def show(tenant_id: int, alarm_ids: Iterable[int]) -> None:
    """Tell open pages which alarms have changed; they read them."""
    ids = sorted(set(alarm_ids))
    if ids:
        publish_many([(f"alarms.{tenant_id}", {"t": "alarms", "ids": ids[:500]})])


def announce(news: Sequence[News]) -> None:
    """Put what came into the outbox, and end the escalation of what went; in the caller's transaction."""
    settle((each.alarm for each in news if each.kind != EntryKind.RAISED), by="")
    raised = [each.alarm for each in news if each.kind == EntryKind.RAISED]
    definitions = {alarm.pk: parse(alarm.definition) for alarm in raised}
    raised.sort(key=lambda alarm: _URGENCY[definitions[alarm.pk].priority])
    assets = {asset.pk: asset for asset in Asset.objects.filter(pk__in={alarm.asset_id for alarm in raised})}
    told = raised[:MAX_AT_ONCE]
    names: dict[str, Names] = {}
    for language, _name in settings.LANGUAGES:
        with translation.override(language):
            names[language] = read_names((alarm.asset_id, definitions[alarm.pk]) for alarm in told)
    for alarm in told:
        notifications.announce(_message(alarm, definitions[alarm.pk], assets[alarm.asset_id], names))
    rest = raised[MAX_AT_ONCE:]
    if rest:
        notifications.announce(_summary(rest, definitions[rest[0].pk].priority, assets[rest[0].asset_id]))


def settle(alarms: Iterable[Alarm], *, by: str) -> None:
    """Somebody has answered, or nobody (''): it is over by itself. Nobody else is called."""
    notifications.settle_all((f"{SUBJECT}:{alarm.pk}" for alarm in alarms), by=by)


def _message(alarm: Alarm, definition: Definition, asset: Asset, names: Mapping[str, Names]) -> Message:
    title, body = {}, {}
    for language, _name in settings.LANGUAGES:
        with translation.override(language):
            words = {"what": asset.title, "words": definition.name_in(language)}
            title[language] = _("%(what)s: %(words)s") % words
            body[language] = "\n".join(_lines(alarm, definition, names[language].of(asset.pk), language))
    assert alarm.raised_at is not None
    return Message(
        subject=f"{SUBJECT}:{alarm.pk}", kind="alarm.raised", priority=definition.priority.value,
        site_id=asset.site_id, title=title, body=body, path=f"/alarms/{alarm.pk}/",
        happened_at=alarm.raised_at, needs_answer=True,
    )  # fmt: skip


def _lines(
    alarm: Alarm, definition: Definition, name: Callable[[str], PointName], language: str
) -> list[str]:
    lines = [say_cause(definition, alarm.value, name)]
    for words, sentence in (
        (definition.consequence_in(language), _("If nothing is done: %(words)s")),
        (definition.instruction_in(language), _("What to do: %(words)s")),
    ):
        if words:
            lines.append(sentence % {"words": words})
    return lines


def _summary(alarms: Sequence[Alarm], priority: Priority, asset: Asset) -> Message:
    title = {}
    for language, _name in settings.LANGUAGES:
        with translation.override(language):
            title[language] = _("%(count)d more alarms came at the same time") % {"count": len(alarms)}
    newest = max(alarm.raised_at for alarm in alarms if alarm.raised_at is not None)
    return Message(
        subject=f"alarms:{newest.timestamp():.0f}", kind="alarm.burst", priority=priority.value,
        site_id=asset.site_id, title=title, body={}, path="/alarms/", happened_at=newest, needs_answer=False,
    )  # fmt: skip
