"""The client of Redis or Valkey that a process shares. Not here: keys and what they mean (each room's own)."""

from __future__ import annotations

from functools import cache
from typing import Any

import redis
from django.conf import settings


@cache
def client() -> Any:
    """Return the client, which connects when it is first asked. **Raises** (its calls) redis.RedisError.

    Its time-outs are short: what is counted and told there is a courtesy, and must never hold up the way to the disk
    or an answer.
    """
    return redis.Redis.from_url(settings.REDIS_URL, socket_timeout=1.0, socket_connect_timeout=0.5)
