"""How often something may be tried: counters in the cache with a bound and a time. Not here: failed sign-ins (axes)."""

from __future__ import annotations

import hashlib

from django.core.cache import cache
from prometheus_client import Counter

REFUSED = Counter(
    "forgeline_attempts_refused_total", "What was tried more often than its bound allows, by kind.", ["kind"]
)


def take_attempt(kind: str, subject: str, *, most: int, within_s: int) -> bool:
    """Count one attempt of a subject; False once there were ``most`` within ``within_s`` seconds of the first.

    The subject is kept as a hash: an e-mail address has no business in a cache's keys.
    """
    key = f"attempts:{kind}:{hashlib.sha256(subject.lower().encode()).hexdigest()}"
    cache.add(key, 0, within_s)
    try:
        taken = cache.incr(key)
    except ValueError:
        # It ran out between the two: this attempt is the first of a new time.
        cache.set(key, 1, within_s)
        taken = 1
    if taken > most:
        REFUSED.labels(kind).inc()
        return False
    return True
