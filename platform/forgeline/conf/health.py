"""For operators: is the process alive, are its dependencies, what do its counters say."""

from __future__ import annotations

import secrets
import socket
import time
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

import redis
from django.conf import settings
from django.db import DatabaseError, connections
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.utils.translation import gettext as _
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from forgeline.conf.counters import registry
from forgeline.modules.manifest import MODELS_QUEUE, Figure

CHECK_WITHIN_S = 2.0
QUEUE = "celery"
"""Celery's own name of the queue of short tasks."""
LONG_QUEUE = 500


def healthz(_request: HttpRequest) -> HttpResponse:
    """The process answers; nothing else is asked."""
    return HttpResponse("ok\n", content_type="text/plain")


def readyz(_request: HttpRequest) -> JsonResponse:
    """Each dependency by name with its state and latency; 503 where one that pages need is away.

    The broker is told of but does not make the web server unready: without it pages still show what is stored.
    """
    checks: dict[str, tuple[Callable[[], None], bool]] = {
        "database": (_ask_database, True),
        "cache": (_ask_cache, True),
        "broker": (_ask_broker, False),
    }
    answer: dict[str, Any] = {}
    ready = True
    for name, (check, is_needed) in checks.items():
        started = time.monotonic()
        try:
            check()
            state = {"state": "ok"}
        except (DatabaseError, redis.RedisError, OSError) as error:
            state = {"state": "away", "fault": type(error).__name__}
            ready = ready and not is_needed
        answer[name] = {**state, "latency_ms": round((time.monotonic() - started) * 1000, 1)}
    return JsonResponse({"ready": ready, "dependencies": answer}, status=200 if ready else 503)


def read_figures() -> list[Figure]:
    """Return for the operator's console whether the dependencies answer, what waits in the queue, who works it off."""
    figures = []
    for title, check in (
        (_("Database"), _ask_database),
        (_("Cache"), _ask_cache),
        (_("Broker"), _ask_broker),
    ):
        started = time.monotonic()
        try:
            check()
        except (DatabaseError, redis.RedisError, OSError) as error:
            figures.append(Figure(title, _("away"), "down", type(error).__name__))
        else:
            took_ms = (time.monotonic() - started) * 1000
            figures.append(Figure(title, _("answers"), "running", f"{took_ms:,.1f} ms"))
    with redis.Redis.from_url(
        settings.REDIS_URL, socket_timeout=CHECK_WITHIN_S, socket_connect_timeout=CHECK_WITHIN_S
    ) as client:
        waiting = int(client.llen(QUEUE))
        models_wait = int(client.llen(MODELS_QUEUE))
        taken = int(client.hlen("unacked"))
    tone = "running" if waiting < LONG_QUEUE else "down"
    return [
        *figures,
        Figure(_("Jobs that wait for a worker"), f"{waiting:,}", tone),
        Figure(_("Model jobs that wait"), f"{models_wait:,}"),
        Figure(_("Jobs that a worker has"), f"{taken:,}"),
    ]


def metrics(request: HttpRequest) -> HttpResponse:
    """The counters of every queue and drop: for this machine, or with the token of FORGELINE_METRICS_TOKEN."""
    token = settings.ENV["FORGELINE_METRICS_TOKEN"]
    given = request.headers.get("Authorization", "").removeprefix("Bearer ")
    if token:
        allowed = secrets.compare_digest(given.encode(), token.encode())
    else:
        # Behind a proxy every request comes from the proxy; whoever forwards says for whom.
        is_forwarded = "X-Forwarded-For" in request.headers
        allowed = request.META.get("REMOTE_ADDR") in {"127.0.0.1", "::1"} and not is_forwarded
    if not allowed:
        return HttpResponse("Metrics are for this machine, or for whoever has FORGELINE_METRICS_TOKEN.\n", status=403,
                            content_type="text/plain")  # fmt: skip
    return HttpResponse(generate_latest(registry()), content_type=CONTENT_TYPE_LATEST)


def _ask_database() -> None:
    with connections["default"].cursor() as cursor:
        cursor.execute("SELECT 1")


def _ask_cache() -> None:
    with redis.Redis.from_url(
        settings.REDIS_URL, socket_timeout=CHECK_WITHIN_S, socket_connect_timeout=CHECK_WITHIN_S
    ) as client:
        client.ping()


def _ask_broker() -> None:
    parts = urlsplit(settings.CONNECTORS["MQTT_URL"])
    if not parts.hostname:
        raise OSError("no broker is set")
    port = parts.port or (8883 if parts.scheme == "mqtts" else 1883)
    socket.create_connection((parts.hostname, port), timeout=CHECK_WITHIN_S).close()
