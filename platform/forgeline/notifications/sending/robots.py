"""What each kind of robot wants to be sent, and how it says no. Pure: no network, no clock.

Sources: DingTalk "Custom robot", WeCom "Group robot", Feishu "Custom bot", Slack "Incoming webhooks", Teams "Workflows:
post to a channel when a webhook request is received", as their makers document them.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

from forgeline.notifications.sending.letter import Letter
from forgeline.notifications.sending.outcome import SendError

WECOM_BYTES = 4096
"""The longest content that a WeCom robot takes."""
_COLOURS = {"critical": "red", "high": "orange", "medium": "yellow", "low": "blue"}


@dataclass(frozen=True, slots=True)
class Parcel:
    """What is posted: body, the query that signs it, headers."""

    body: Mapping[str, Any]
    query: Mapping[str, str] = field(default_factory=dict)


def dingtalk(letter: Letter, secret: str, now_s: int) -> Parcel:
    """Markdown; a signing secret goes into the query as HMAC-SHA256 over the time in milliseconds."""
    text = _markdown(letter, heading="### ", gap="\n\n")
    body = {"msgtype": "markdown", "markdown": {"title": letter.title[:100], "text": text}}
    if not secret:
        return Parcel(body)
    stamp = str(now_s * 1000)
    return Parcel(body, {"timestamp": stamp, "sign": _sign(secret.encode(), f"{stamp}\n{secret}".encode())})


def wecom(letter: Letter, secret: str, now_s: int) -> Parcel:
    """Markdown of at most 4096 bytes; WeCom knows no signing secret."""
    content = _markdown(letter, heading="**", gap="\n", after="**").encode()
    if len(content) > WECOM_BYTES:
        links = _link_lines(letter, "\n").encode()
        room = WECOM_BYTES - len(links) - 8
        content = content[:room].decode(errors="ignore").encode() + b"\n...\n" + links
    return Parcel({"msgtype": "markdown", "markdown": {"content": content.decode(errors="ignore")}})


def feishu(letter: Letter, secret: str, now_s: int) -> Parcel:
    """An interactive card with buttons; the signature is an HMAC-SHA256 over nothing, keyed by time and secret."""
    elements: list[dict[str, Any]] = [
        {"tag": "div", "text": {"tag": "plain_text", "content": line}} for line in letter.lines
    ]
    if letter.links:
        actions = [
            {
                "tag": "button",
                "text": {"tag": "plain_text", "content": words},
                "url": url,
                "type": "primary" if number == 0 else "default",
            }
            for number, (words, url) in enumerate(letter.links)
        ]
        elements.append({"tag": "action", "actions": actions})
    card = {
        "config": {"wide_screen_mode": True},
        "header": {
            "template": _COLOURS.get(letter.priority, "blue"),
            "title": {"tag": "plain_text", "content": letter.title},
        },
        "elements": elements,
    }
    body: dict[str, Any] = {"msg_type": "interactive", "card": card}
    if secret:
        body |= {"timestamp": str(now_s), "sign": _sign(f"{now_s}\n{secret}".encode(), b"")}
    return Parcel(body)


def slack(letter: Letter, secret: str, now_s: int) -> Parcel:
    """Blocks, with the plain text for phones' previews; &, < and > are Slack's own and escaped."""
    text = "\n".join([f"*{_slack(letter.title)}*", *map(_slack, letter.lines)])
    blocks: list[dict[str, Any]] = [{"type": "section", "text": {"type": "mrkdwn", "text": text[:3000]}}]
    if letter.links:
        buttons = [
            {"type": "button", "text": {"type": "plain_text", "text": words[:75]}, "url": url}
            for words, url in letter.links
        ]
        blocks.append({"type": "actions", "elements": buttons})
    return Parcel({"text": _slack(letter.title), "blocks": blocks})


def teams(letter: Letter, secret: str, now_s: int) -> Parcel:
    """An adaptive card in a message, as a Teams workflow takes it."""
    words: list[dict[str, Any]] = [
        {"type": "TextBlock", "text": _teams(line), "wrap": True} for line in letter.lines
    ]
    card = {
        "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
        "type": "AdaptiveCard",
        "version": "1.4",
        "body": [
            {"type": "TextBlock", "text": _teams(letter.title), "wrap": True, "weight": "Bolder", "size": "Medium"},
            *words,
        ],
        "actions": [
            {"type": "Action.OpenUrl", "title": title, "url": url} for title, url in letter.links
        ],
    }  # fmt: skip
    attachment = {"contentType": "application/vnd.microsoft.card.adaptive", "content": card}
    return Parcel({"type": "message", "attachments": [attachment]})


ROBOTS: dict[str, Callable[[Letter, str, int], Parcel]] = {
    "dingtalk": dingtalk,
    "wecom": wecom,
    "feishu": feishu,
    "slack": slack,
    "teams": teams,
}


def signed_webhook(letter: Letter, secret: str, now_s: int) -> tuple[bytes, dict[str, str]]:
    """Return body and headers of the generic webhook.

    ``X-Forgeline-Signature: t=<seconds>,v1=<hex>`` is HMAC-SHA256 by the channel's secret over ``<seconds>.<body>``.
    """
    facts = {
        **letter.facts, "key": letter.key, "title": letter.title, "text": "\n".join(letter.lines),
        "priority": letter.priority, "language": letter.language,
        "links": [{"title": words, "url": url} for words, url in letter.links],
    }  # fmt: skip
    body = json.dumps(facts, ensure_ascii=False).encode()
    signed = hmac.new(secret.encode(), f"{now_s}.".encode() + body, hashlib.sha256).hexdigest()
    return body, {"X-Forgeline-Signature": f"t={now_s},v1={signed}"} if secret else {}


def with_query(url: str, query: Mapping[str, str]) -> str:
    """Return an address with more in its query."""
    if not query:
        return url
    return f"{url}{'&' if '?' in url else '?'}{urlencode(query)}"


def refuse(via: str, status: int, body: bytes, retry_after_s: float | None) -> None:
    """Pass when a robot has taken the letter. **Raises** SendError for what it said instead: several answer 200 and
    say no in the body.
    """
    said = body.decode(errors="replace")[:200]
    if status in (408, 425, 429) or status >= 500:
        raise SendError("refused_for_now", f"{status} {said}", asked_s=retry_after_s)
    if 300 <= status < 400:
        raise SendError("redirected", str(status), is_final=True)
    if not 200 <= status < 300:
        raise SendError("refused", f"{status} {said}", is_final=True)
    if via in ("dingtalk", "wecom", "feishu"):
        _refuse_by_code(said, body)


_SLOW_DOWN = {130101, 410100, 45009, 11232, -1}
"""Codes by which DingTalk, WeCom and Feishu say "too often" or "busy": later is right."""


def _refuse_by_code(said: str, body: bytes) -> None:
    try:
        answer = json.loads(body)
        code = answer.get("errcode", answer.get("code", answer.get("StatusCode", 0)))
    except (ValueError, AttributeError) as error:
        raise SendError("not_understood", said, is_final=True) from error
    if code == 0:
        return
    words = f"{code} {answer.get('errmsg') or answer.get('msg') or ''}"
    if code in _SLOW_DOWN:
        raise SendError("refused_for_now", words, asked_s=60.0)
    raise SendError("refused", words, is_final=True)


def _sign(key: bytes, text: bytes) -> str:
    return base64.b64encode(hmac.new(key, text, hashlib.sha256).digest()).decode()


def _markdown(letter: Letter, *, heading: str, gap: str, after: str = "") -> str:
    lines = [f"{heading}{_plain(letter.title)}{after}", *map(_plain, letter.lines)]
    return gap.join([*lines, _link_lines(letter, gap)]) if letter.links else gap.join(lines)


def _link_lines(letter: Letter, gap: str) -> str:
    return gap.join(f"[{_plain(words)}]({url})" for words, url in letter.links)


def _plain(text: str) -> str:
    """Names of users must not become links or pictures in a group."""
    for letter in "[]<>`":
        text = text.replace(letter, {"[": "［", "]": "］", "<": "＜", ">": "＞", "`": "'"}[letter])
    return text.replace("\n", " ")


def _slack(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _teams(text: str) -> str:
    return text.replace("[", "［").replace("]", "］")
