"""Send one letter by whatever its target is. Touches no table, so that it may run in a thread of its own."""

from __future__ import annotations

import json

from django.conf import settings

from forgeline.notifications.sending.email import send_email
from forgeline.notifications.sending.http import post
from forgeline.notifications.sending.letter import Letter, Target
from forgeline.notifications.sending.robots import ROBOTS, refuse, signed_webhook, with_query


def send(letter: Letter, target: Target, *, now_s: int) -> None:
    """Send a letter; returning is success. **Raises** SendError."""
    if target.via == "email":
        send_email(letter, target.address)
        return
    headers = {"Content-Type": "application/json; charset=utf-8", "Idempotency-Key": letter.key}
    url = target.address
    if target.via == "webhook":
        body, signature = signed_webhook(letter, target.secret, now_s)
        headers |= signature
    else:
        parcel = ROBOTS[target.via](letter, target.secret, now_s)
        body = json.dumps(parcel.body, ensure_ascii=False).encode()
        url = with_query(url, parcel.query)
    answer = post(url, body, headers, allow_private=settings.NOTIFICATIONS["ALLOW_PRIVATE"])
    refuse(target.via, answer.status, answer.body, answer.retry_after_s)
