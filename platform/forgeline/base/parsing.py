"""Reads the body of a request: bounded, strict JSON. Not here: what the body means, the error's envelope (api)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import IO, Any

import msgspec
from django.conf import settings
from django.utils.translation import gettext_lazy as _
from rest_framework.exceptions import APIException, ParseError
from rest_framework.parsers import BaseParser
from rest_framework.renderers import JSONRenderer

MAX_DEPTH = 32
_BOM = b"\xef\xbb\xbf"
_decode = msgspec.json.Decoder().decode


class TooLargeError(APIException):
    """The body is longer than FORGELINE takes at once."""

    status_code = 413
    default_code = "too_large"
    default_detail = _("Send it in parts: at most 5 MB at once.")


class StrictJSONParser(BaseParser):
    """JSON as RFC 8259 has it: no NaN, no number beyond a double, no NUL character, at most 32 levels, 5 MB."""

    media_type = "application/json"
    renderer_class = JSONRenderer

    def parse(
        self,
        stream: IO[Any],
        media_type: str | None = None,
        parser_context: Mapping[str, Any] | None = None,
    ) -> Any:
        limit = settings.DATA_UPLOAD_MAX_MEMORY_SIZE
        body: bytes = stream.read(limit + 1)
        if len(body) > limit:
            raise TooLargeError
        try:
            document = _decode(body.removeprefix(_BOM))
        except (ValueError, RecursionError) as error:
            # msgspec's DecodeError is a ValueError; it names the place and never repeats the body.
            raise ParseError(_("The body cannot be read as JSON.") + f" ({_reason(error)})") from error
        if _depth(document) > MAX_DEPTH:
            raise ParseError(_("The body is nested too deeply; 32 levels are read."))
        if b"\\u0000" in body and _has_nul(document):
            raise ParseError(_("The body holds a NUL character, which cannot be stored."))
        return document


def _reason(error: Exception) -> str:
    return "too deep" if isinstance(error, RecursionError) else str(error)


def _depth(document: Any) -> int:
    """Count the levels, level by level: a hostile body must not nest our own calls."""
    level, depth = [document], 0
    while depth <= MAX_DEPTH and (level := [each for each in level if isinstance(each, dict | list)]):
        depth += 1
        level = [child for each in level for child in (each.values() if isinstance(each, dict) else each)]
    return depth


def _has_nul(document: Any) -> bool:
    waiting = [document]
    while waiting:
        each = waiting.pop()
        if isinstance(each, str) and "\x00" in each:
            return True
        elif isinstance(each, dict):
            waiting += [*each, *each.values()]
        elif isinstance(each, list):
            waiting += each
    return False
