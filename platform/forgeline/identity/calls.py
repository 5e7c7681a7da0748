"""How often programs may call the API: a bound for each company by its plan, counted in Valkey, told in headers.

The bound is the company's, not the key's: one company never takes what is another's, whatever number of keys it makes.
It slides: what was asked for in the minute before counts by the part of it that lies less than a minute back.
Samples that devices post are outside of the plan's bound: none is refused for quota. Not here: wrong passwords (axes),
links by e-mail (attempts).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from typing import Any

import redis
from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _
from prometheus_client import Counter

from forgeline.base import valkey
from forgeline.base.api import render_problem
from forgeline.entitlements.rights import Rights
from forgeline.identity.policy import Actor

WINDOW_S = 60
KEPT_S = 3 * 24 * 3600
"""How long the calls of an hour are remembered for the metering."""
REFUSED = Counter("forgeline_api_calls_refused_total", "API calls refused because a company made too many.")
UNCOUNTED = Counter(
    "forgeline_api_calls_uncounted_total", "API calls let through uncounted while Valkey was away."
)
_SAMPLES = "/api/v1/samples/"
_COUNT = """
-- KEYS: a company's bound, its count of the hour. ARGV: how many a window, the window in ms, calls, s to keep the hour.
local time = redis.call('TIME')
local ms = time[1] * 1000 + math.floor(time[2] / 1000)
local most, length, calls = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local window, passed = math.floor(ms / length), ms % length
local kept = redis.call('HMGET', KEYS[1], 'window', 'now', 'before')
local now, before = tonumber(kept[2]) or 0, tonumber(kept[3]) or 0
if tonumber(kept[1]) ~= window then
    before = tonumber(kept[1]) == window - 1 and now or 0
    now = 0
end
if now + math.floor(before * (1 - passed / length)) + calls > most then
    return {0, now, before, passed}
end
if calls > 0 then
    now = now + calls
    redis.call('HSET', KEYS[1], 'window', window, 'now', now, 'before', before)
    redis.call('PEXPIRE', KEYS[1], 2 * length)
    redis.call('INCRBY', KEYS[2], calls)
    redis.call('EXPIRE', KEYS[2], ARGV[4])
end
return {1, now, before, passed}
"""


@dataclass(frozen=True, slots=True)
class Bound:
    """What is left of a company's calls: ``most`` a minute, ``left`` of them, more in ``wait_s``."""

    most: int
    left: int
    wait_s: int
    is_refused: bool = False


@cache
def _counting() -> Any:
    return valkey.client().register_script(_COUNT)


def take_call(request: HttpRequest, actor: Actor, rights: Rights) -> Bound | None:
    """Count a call of the API; None where it is not bounded: a page's own call, or no Valkey to count in."""
    if actor.api_key_id is None or not request.path.startswith("/api/v1/"):
        return None
    most = _most(rights)
    if request.method == "POST" and request.path == _SAMPLES:
        most = settings.API_CALLS_PER_MINUTE
    try:
        bound = _count(actor.tenant_id, most, calls=1)
    except redis.RedisError:
        UNCOUNTED.inc()
        return None
    if bound.is_refused:
        REFUSED.inc()
    return bound


def refuse(bound: Bound) -> HttpResponse:
    """Answer a call beyond the bound: when to come again."""
    sentence = _(
        "Your plan allows %(most)s API calls a minute. Wait %(wait)s s, ask for many rows at once, or choose a larger "
        "plan."
    ) % {"most": bound.most, "wait": bound.wait_s}
    response = render_problem(status=429, key="identity.too_many_calls", title=sentence)
    response["Retry-After"] = str(bound.wait_s)
    return response


def put_headers(response: HttpResponse, bound: Bound) -> None:
    """Tell what is left (IETF httpapi draft-ietf-httpapi-ratelimit-headers-10)."""
    response["RateLimit-Policy"] = f'"company";q={bound.most};w={WINDOW_S}'
    response["RateLimit"] = f'"company";r={bound.left};t={bound.wait_s}'


def read_bound(tenant_id: int, rights: Rights) -> Bound | None:
    """Return what is left of a company's calls in this minute, without counting one; None without Valkey."""
    try:
        return _count(tenant_id, _most(rights), calls=0)
    except redis.RedisError:
        return None


def read_calls(tenant_id: int, hour: datetime) -> int:
    """Return how many calls a company made in an hour that began at most KEPT_S ago; 0 without Valkey."""
    try:
        return int(valkey.client().get(_key(tenant_id, hour)) or 0)
    except redis.RedisError:
        return 0


def _most(rights: Rights) -> int:
    return rights.limits.get("api_calls_per_minute") or int(settings.API_CALLS_PER_MINUTE)


def _count(tenant_id: int, most: int, *, calls: int) -> Bound:
    """Take ``calls`` out of what a company has, and count them in the hour, in one trip; 0 only looks.

    A call that is counted for money and one that is bounded are one and the same.
    """
    keys = [f"fl:bound:{tenant_id}:{most}", _key(tenant_id, datetime.now(UTC))]
    taken, now, before, passed_ms = _counting()(keys, [most, WINDOW_S * 1000, calls, KEPT_S])
    passed = passed_ms / (WINDOW_S * 1000)
    left = max(0, most - now - math.floor(before * (1 - passed)))
    if taken:
        wait = 1 - passed
    elif now < most:
        # What lies a minute back is forgotten evenly: until one more has been.
        wait = 1 - (most - now) / before - passed
    else:
        wait = 1 - passed + max(0.0, 1 - most / now)
    return Bound(most, left, math.floor(wait * WINDOW_S) + 1, is_refused=not taken)


def _key(tenant_id: int, hour: datetime) -> str:
    return f"fl:calls:{tenant_id}:{hour:%Y%m%d%H}"
