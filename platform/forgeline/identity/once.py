"""Requests that are done once however often they are sent: ``Idempotency-Key`` on POST.

The answer is kept in the transaction of what it tells of, so that there is never one without the other. Refusals are
not kept: what was refused was not done, and may be sent again. Not here: which request is whose (middleware).
Source: draft-ietf-httpapi-idempotency-key-header.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from datetime import timedelta

from django.conf import settings
from django.db import connection
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _

from forgeline.base import clock
from forgeline.base.api import render_problem
from forgeline.base.sealing import box
from forgeline.identity.models import KeptAnswer
from forgeline.identity.policy import Actor
from forgeline.tenancy.scoping import list_tenant_ids, tenant_scope

KEPT_HOURS = 24
MOST_CHARACTERS = 200
_PURPOSE = "forgeline.identity.once"


def answer_once(
    request: HttpRequest, actor: Actor, get_response: Callable[[HttpRequest], HttpResponse]
) -> HttpResponse:
    """Answer a request, or repeat the answer that the same caller got for the same request and key.

    A second one that comes while the first is under way waits for it. Runs inside the scope of the actor.
    """
    key = request.headers.get("Idempotency-Key", "").strip().strip('"')
    if request.method != "POST" or not key or not request.path.startswith("/api/"):
        return get_response(request)
    if len(key) > MOST_CHARACTERS:
        return render_problem(
            status=400, key="base.invalid_input", title=_("An Idempotency-Key has at most 200 characters.")
        )
    if int(request.META.get("CONTENT_LENGTH") or 0) > settings.DATA_UPLOAD_MAX_MEMORY_SIZE:
        return get_response(request)  # which says that it is too large
    print_ = hashlib.sha256(b"\0".join([request.get_full_path().encode(), request.body])).hexdigest()
    caller = f"key:{actor.api_key_id}" if actor.api_key_id else f"user:{actor.user_id}"
    digest = hashlib.sha256(f"{caller}\0{key}".encode()).hexdigest()
    if not _is_first(actor.tenant_id, digest, print_):
        kept = KeptAnswer.objects.get(digest=digest)
        if kept.request != print_:
            return render_problem(
                status=422,
                key="identity.idempotency_key_reused",
                title=_("This Idempotency-Key was sent with another request; take a new one."),
            )
        repeated = HttpResponse(
            box(_PURPOSE).decrypt(kept.body.encode()), status=kept.status, content_type=kept.content_type
        )
        repeated["Idempotency-Replayed"] = "true"
        return repeated
    response = get_response(request)
    if response.status_code < 400 and not response.streaming:
        body = response.content
        KeptAnswer.objects.filter(digest=digest).update(
            status=response.status_code,
            content_type=response.get("Content-Type", ""),
            body=box(_PURPOSE).encrypt(body).decode(),
        )
    elif not connection.needs_rollback:
        KeptAnswer.objects.filter(digest=digest).delete()
    return response


def trim() -> int:
    """Delete the answers that nobody can ask for any more; returns how many."""
    gone = 0
    edge = clock.now() - timedelta(hours=KEPT_HOURS)
    for tenant_id in list_tenant_ids():
        with tenant_scope(tenant_id):
            gone += KeptAnswer.objects.filter(created_at__lt=edge).delete()[0]
    return gone


def _is_first(tenant_id: int, digest: str, print_: str) -> bool:
    """Take the key, or say that somebody has; waits for whoever is taking it at this moment."""
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO identity_keptanswer (tenant_id, digest, request, status, content_type, body, created_at) "
            "VALUES (%s, %s, %s, 0, '', '', %s) ON CONFLICT (tenant_id, digest) DO NOTHING",
            [tenant_id, digest, print_, clock.now()],
        )
        return bool(cursor.rowcount)
