"""Publish to topics, one message a batch and topic. Not here: who may listen (topics), who does (hub, consumers)."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable, Mapping
from typing import Any

import msgspec
import redis
from prometheus_client import Counter

from forgeline.base import valkey

CHANNEL = "fl:live:"
_RETRY_AFTER_S = 2.0

PUBLISHED = Counter("forgeline_live_published_total", "Live messages handed to Redis.")
LOST = Counter(
    "forgeline_live_lost_total",
    "Live messages that found no Redis; pages read the store when they reconnect.",
)

_encode = msgspec.json.Encoder().encode
_log = logging.getLogger(__name__)
_away_until = 0.0


def publish_many(messages: Iterable[tuple[str, Mapping[str, Any]]]) -> None:
    """Publish each payload to its topic, in one round trip. Never raises: what finds no Redis is counted as lost,
    and Redis is left alone for two seconds.
    """
    global _away_until
    frames = [(CHANNEL + topic, _encode({"topic": topic, **payload})) for topic, payload in messages]
    if not frames:
        return
    if time.monotonic() < _away_until:
        LOST.inc(len(frames))
        return
    try:
        with valkey.client().pipeline(transaction=False) as pipe:
            for channel, frame in frames:
                pipe.publish(channel, frame)
            pipe.execute()
    except redis.RedisError as error:
        if _away_until == 0.0:
            _log.warning("live values are not published: Redis is away (%s)", error)
        _away_until = time.monotonic() + _RETRY_AFTER_S
        LOST.inc(len(frames))
        return
    if _away_until:
        _log.info("live values are published again")
        _away_until = 0.0
    PUBLISHED.inc(len(frames))
