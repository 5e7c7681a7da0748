"""How often programs may call the API: a bound for each company by its plan, counted in Valkey, told in headers.

The bound is the company's, not the key's: one company never takes what is another's, whatever number of keys it makes.
Samples that devices post are outside of the plan's bound: none is refused for quota. Not here: wrong passwords (axes),
links by e-mail (attempts).
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from typing import Any

import redis
from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _
from limits import RateLimitItemPerMinute
from limits.storage import RedisStorage
from limits.strategies import SlidingWindowCounterRateLimiter
from prometheus_client import Counter

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


@dataclass(frozen=True, slots=True)
class Bound:
    """What is left of a company's calls: ``most`` a minute, ``left`` of them, more in ``wait_s``."""

    most: int
    left: int
    wait_s: int
    is_refused: bool = False


@cache
def _limiter() -> SlidingWindowCounterRateLimiter:
    # Short time-outs: a bound that cannot be counted must not hold up the call.
    storage = RedisStorage(
        settings.REDIS_URL, key_prefix="calls", socket_timeout=1.0, socket_connect_timeout=0.5
    )
    return SlidingWindowCounterRateLimiter(storage)


@cache
def _client() -> Any:
    return redis.Redis.from_url(settings.REDIS_URL, socket_timeout=1.0, socket_connect_timeout=0.5)


def take_call(request: HttpRequest, actor: Actor, rights: Rights) -> Bound | None:
    """Count a call of the API; None where it is not bounded: a page's own call, or no Valkey to count in."""
    if actor.api_key_id is None or not request.path.startswith("/api/v1/"):
        return None
    most = _most(rights)
    if request.method == "POST" and request.path == _SAMPLES:
        most = settings.API_CALLS_PER_MINUTE
    item, who = RateLimitItemPerMinute(most), f"{actor.tenant_id}:{most}"
    try:
        is_taken = _limiter().hit(item, who)
        reset_at, left = _limiter().get_window_stats(item, who)
        if is_taken:
            _note_call(actor.tenant_id)
    except redis.RedisError:
        UNCOUNTED.inc()
        return None
    wait_s = max(1, min(WINDOW_S, round(reset_at - time.time())))
    if not is_taken:
        REFUSED.inc()
    return Bound(most, max(0, left), wait_s, is_refused=not is_taken)


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
    most = _most(rights)
    try:
        reset_at, left = _limiter().get_window_stats(RateLimitItemPerMinute(most), f"{tenant_id}:{most}")
    except redis.RedisError:
        return None
    return Bound(most, max(0, left), max(1, min(WINDOW_S, round(reset_at - time.time()))))


def read_calls(tenant_id: int, hour: datetime) -> int:
    """Return how many calls a company made in an hour that began at most KEPT_S ago; 0 without Valkey."""
    try:
        return int(_client().get(_key(tenant_id, hour)) or 0)
    except redis.RedisError:
        return 0


def _most(rights: Rights) -> int:
    return rights.limits.get("api_calls_per_minute") or int(settings.API_CALLS_PER_MINUTE)


def _note_call(tenant_id: int) -> None:
    key = _key(tenant_id, datetime.now(UTC))
    with _client().pipeline(transaction=False) as pipe:
        pipe.incr(key)
        pipe.expire(key, KEPT_S)
        pipe.execute()


def _key(tenant_id: int, hour: datetime) -> str:
    return f"fl:calls:{tenant_id}:{hour:%Y%m%d%H}"
