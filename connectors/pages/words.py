"""What connections count and report, in words: reasons of refusal, events. Not here: sentences of drivers (wording)."""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext as _

from connectors.queries import StorageState
from connectors.wording import translate_sentence


def reason_word(reason: str) -> str:
    """Return why samples or messages were refused; the key itself where it has no words."""
    words = {
        "connectors.unknown_address": _("Nobody has asked for this value; see waiting devices."),
        "connectors.no_value": _("No value came, and not said to be bad."),
        "connectors.number_too_large": _("The number is too large."),
        "connectors.text_too_long": _("The text is too long."),
        "connectors.wrong_type": _("The value doesn't fit the kind of its point."),
        "mqtt.address_too_long": _("The name of a value is too long."),
        "mqtt.bad_time": _("The time cannot be read."),
        "mqtt.bad_topic": _("The topic is no text."),
        "mqtt.empty": _("The message is empty."),
        "mqtt.no_device": _("The mapping finds no device."),
        "mqtt.no_items": _("The mapping finds no list."),
        "mqtt.no_key": _("The mapping finds no name of a value."),
        "mqtt.no_values": _("The message holds no value."),
        "mqtt.not_json": _("The payload is no JSON."),
        "mqtt.not_objects": _("The list holds something that is no object."),
        "mqtt.not_text": _("The payload is no text."),
        "mqtt.retained_without_time": _("A retained message bears no time."),
        "mqtt.unreadable": _("The message cannot be read."),
        "mqtt.too_deep": _("The payload is nested too deep."),
        "mqtt.too_large": _("The payload is too large."),
        "mqtt.too_many_values": _("Too many values in one message."),
        "telemetry.clock_skew": _("The time lies ahead of our clock."),
        "telemetry.infinite": _("The number is infinite."),
        "telemetry.integer_too_large": _("A whole number too large to store exactly."),
        "telemetry.invalid_quality": _("The quality is none of good, uncertain, bad."),
        "telemetry.no_text": _("A text was expected."),
        "telemetry.not_a_boolean": _("Yes or no was expected."),
        "telemetry.not_a_number": _("It is no number."),
        "telemetry.not_a_state": _("The state's code isn't known to its point."),
        "telemetry.point_retired": _("The point is out of use."),
        "telemetry.text_not_storable": _("The text holds characters that cannot be stored."),
        "telemetry.text_too_long": _("The text is too long."),
        "telemetry.too_old": _("Older than what is kept."),
        "telemetry.unknown_point": _("The point does not exist any more."),
    }
    return words.get(reason, reason)


def storage_sentence(storage: StorageState, spool_bytes: int) -> str:
    """Return what is wrong with the way to the store; nothing where nothing is."""
    size = f"{spool_bytes / 1e6:,.1f}"
    return {
        StorageState.OK: "",
        StorageState.SLOW: _("The store answers slowly; the source waits for it. Nothing is lost."),
        StorageState.AWAY: _("The store takes nothing now; values wait on our disk (%(size)s MB) and follow.")
        % {"size": size},
        StorageState.FULL: _(
            "The store takes nothing now and the disk for waiting values is full (%(size)s MB): the source waits."
            " Make room, or bring the store back."
        )
        % {"size": size},
    }[storage]


def event_words(name: str, facts: dict[str, Any]) -> str:
    """Return what happened, in a sentence."""
    words = {
        "connected": _("Connected."),
        "disconnected": _("Disconnected."),
        "failed": _("Failed: %(reason)s"),
        "rebind_failed": _("The changed map could not be taken: %(reason)s"),
        "node_bad": _("%(count)s nodes cannot be read (%(status)s), such as %(address)s; the others go on."),
        "node_good": _("%(count)s nodes can be read again, such as %(address)s."),
        "backfilled": _("Filled a gap from the source's history: %(values)s values of %(nodes)s nodes."),
        "queue_overflow": _("The server's queue was too short for %(count)s changes; raise the queue size."),
        "notification_lost": _("A message of the server was lost and could not be repeated."),
        "store_away": _("The store took nothing (%(reason)s); values waited on our disk."),
        "store_back": _("The store takes values again; those that waited were handed over first."),
        "spool_full": _("The disk for waiting values was full (%(reason)s); the source had to wait."),
        "broker_dropped": _(
            "The broker dropped %(count)s messages, %(total)s since it was started. Most often its queue was full while"
            " no connector fetched them: then they are lost; start the connectors sooner, or raise its bound. A device"
            " that reads too slowly counts here too."
        ),
        "deadband_refused": _("%(count)s nodes take no deadband; they are read without one."),
    }
    sentence = words.get(name)
    if sentence is None:
        return name
    known = {"count": 1, "address": "", "status": "", "values": 0, "nodes": 0, "total": 0, **facts}
    known["reason"] = translate_sentence(str(facts.get("reason") or ""))
    return sentence % known if "%(" in sentence else sentence
