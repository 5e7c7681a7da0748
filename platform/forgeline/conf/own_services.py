"""Services that somebody names by a URL instead of having `make up` bring them: do they answer? Not here: ours."""

from __future__ import annotations

import socket
from urllib.parse import urlsplit

import psycopg
import redis

from forgeline.embedded.service import ServiceError

ANSWER_WITHIN_S = 5.0


def require_database(url: str) -> None:
    """Pass where the database server lets us in. **Raises** ServiceError with the remedy."""
    try:
        psycopg.connect(url, connect_timeout=round(ANSWER_WITHIN_S), dbname="postgres").close()
    except psycopg.Error as error:
        raise _fault("FORGELINE_DATABASE_URL", "database", error) from error


def require_redis(url: str) -> None:
    """Pass where the Redis or Valkey answers. **Raises** ServiceError with the remedy."""
    try:
        with redis.Redis.from_url(
            url, socket_connect_timeout=ANSWER_WITHIN_S, socket_timeout=ANSWER_WITHIN_S
        ) as asked:
            asked.ping()
    except (redis.RedisError, ValueError) as error:
        raise _fault("FORGELINE_REDIS_URL", "Redis", error) from error


def require_broker(url: str) -> None:
    """Pass where somebody listens at the broker's port. **Raises** ServiceError with the remedy."""
    parts = urlsplit(url)
    port = parts.port or (8883 if parts.scheme == "mqtts" else 1883)
    try:
        socket.create_connection((parts.hostname or "", port), timeout=ANSWER_WITHIN_S).close()
    except OSError as error:
        raise _fault("FORGELINE_MQTT_URL", "MQTT broker", error) from error


def _fault(variable: str, what: str, error: Exception) -> ServiceError:
    said = str(error).strip().splitlines()
    return ServiceError(
        f"The {what} that {variable} names does not answer ({said[0] if said else type(error).__name__}); "
        f"start it, correct {variable}, or take it out to have one brought."
    )
