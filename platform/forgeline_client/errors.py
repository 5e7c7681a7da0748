"""What Forgeline refuses, as exceptions made from its envelope (RFC 9457). Not here: when it is worth asking again."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import httpx


class ClientError(Exception):
    """Base of everything that this client raises on purpose."""


class UnavailableError(ClientError):
    """Forgeline did not answer, or only that it cannot now, for as long as the client was patient."""


class ApiError(ClientError):
    """Forgeline refused a request; the same again cannot help.

    ``key`` is stable and dotted (``base.invalid_input``), ``title`` a sentence for a person, ``fields`` what is wrong
    with which field, ``data`` whatever else a program may need, ``body`` the whole answer.
    """

    def __init__(self, status: int, body: Mapping[str, Any], reason: str = "") -> None:
        self.status = status
        self.body = body
        self.key = str(body.get("key", ""))
        self.title = str(body.get("title") or reason)
        self.detail = str(body.get("detail") or "")
        data = body.get("data")
        self.data: Mapping[str, Any] = data if isinstance(data, dict) else {}
        fields = self.data.get("fields")
        self.fields: Mapping[str, Any] = fields if isinstance(fields, dict) else {}
        # The title says what helps; the detail, where it is another sentence, what it was about.
        words = " ".join(dict.fromkeys(each for each in (self.title, self.detail) if each))
        told = f"{words} {dict(self.data)}" if self.data else words
        super().__init__(f"{told} ({status} {self.key})".replace(" )", ")"))


class InvalidInputError(ApiError):
    """What was sent cannot be used; ``fields`` says why (400)."""


class NotAuthenticatedError(ApiError):
    """The key is missing, revoked or expired (401)."""


class ForbiddenError(ApiError):
    """The key's role does not allow this, or the plan does not hold it (402, 403)."""


class NotFoundError(ApiError):
    """There is no such thing, or it is another company's (404, 410)."""


class ConflictError(ApiError):
    """There is one already (409)."""


class ChangedMeanwhileError(ApiError):
    """It was changed since it was read (412)."""


class TooLargeError(ApiError):
    """More than is taken at once (413)."""


class UnprocessableError(ApiError):
    """It was understood, but nothing of it could be done (422)."""


class RateLimitedError(ApiError):
    """Too many calls, for longer than the client was patient (429)."""


_KINDS: dict[int, type[ApiError]] = {
    400: InvalidInputError,
    401: NotAuthenticatedError,
    402: ForbiddenError,
    403: ForbiddenError,
    404: NotFoundError,
    409: ConflictError,
    410: NotFoundError,
    412: ChangedMeanwhileError,
    413: TooLargeError,
    422: UnprocessableError,
    429: RateLimitedError,
}


def error_of(answer: httpx.Response) -> ApiError:
    """Return the exception that an answer stands for; it must have been read."""
    try:
        body = answer.json()
    except ValueError:
        body = {}
    kind = _KINDS.get(answer.status_code, ApiError)
    return kind(answer.status_code, body if isinstance(body, dict) else {}, answer.reason_phrase)
