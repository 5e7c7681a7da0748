"""Errors are a vocabulary: a dotted key, a status, one envelope, in the reader's language."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from django.core.exceptions import PermissionDenied
from django.db import DataError
from django.http import Http404
from django.test import RequestFactory
from django.utils.translation import gettext_lazy, override
from rest_framework import exceptions

from forgeline.base import errors
from forgeline.base.api import TITLES, problem_handler, server_error, unknown_endpoint

_KINDS = [errors.ForgelineError, *errors.ForgelineError.__subclasses__()]
_HAN = re.compile(r"[\u4e00-\u9fff]")


@pytest.mark.parametrize("kind", _KINDS)
def test_every_error_has_a_dotted_key_and_a_status(kind: type[errors.ForgelineError]) -> None:
    assert re.fullmatch(r"[a-z]+\.[a-z_]+", kind.key)
    assert 400 <= kind.status < 600
    assert str(kind()) == kind.key


def test_error_keeps_its_own_key_and_data_and_speaks_when_it_is_read() -> None:
    given = {"field": 1}
    error = errors.ConflictError(gettext_lazy("You may not do this."), key="x.taken", data=given)
    given["field"] = 2
    assert (error.key, errors.ConflictError.key, error.data) == ("x.taken", "base.conflict", {"field": 1})
    with override("zh-hans"):
        assert _HAN.search(str(error))


@pytest.mark.parametrize(
    ("error", "status", "key"),
    [
        (errors.UnavailableError("Later."), 503, "base.unavailable"),
        (Http404(), 404, "base.not_found"),
        (PermissionDenied(), 403, "base.forbidden"),
        (exceptions.ValidationError({"name": ["No."]}), 400, "base.invalid_input"),
        (exceptions.ValidationError(["No."]), 400, "base.invalid_input"),
        (exceptions.ParseError(), 400, "base.parse_error"),
        (exceptions.NotAuthenticated(), 401, "base.not_authenticated"),
        (exceptions.MethodNotAllowed("PUT"), 405, "base.method_not_allowed"),
        (exceptions.UnsupportedMediaType("text/plain"), 415, "base.unsupported_media_type"),
        (exceptions.Throttled(wait=7), 429, "base.throttled"),
        (DataError("integer out of range: secret"), 400, "base.invalid_input"),
    ],
)
def test_each_is_one_envelope_in_both_languages(db: None, error: Exception, status: int, key: str) -> None:
    for language in ("en", "zh-hans"):
        with override(language):
            answer = problem_handler(error, {})
        assert answer is not None
        body: Any = json.loads(json.dumps(answer.data))
        assert (answer.status_code, body["status"], body["key"]) == (status, status, key)
        assert body["type"] == f"urn:forgeline:{key}"
        assert "secret" not in json.dumps(body)
        if not isinstance(error, errors.ForgelineError):
            assert bool(_HAN.search(body["title"])) == (language == "zh-hans")


def test_what_nobody_anticipated_is_left_to_the_log(db: None) -> None:
    assert problem_handler(RuntimeError("x"), {}) is None


def test_throttled_says_when_to_come_back(db: None) -> None:
    answer = problem_handler(exceptions.Throttled(wait=7), {})
    assert answer is not None
    assert answer["Retry-After"] == "7"


@pytest.mark.parametrize("view", [unknown_endpoint, server_error])
def test_answers_outside_of_any_view_speak_the_readers_language(view: Any) -> None:
    with override("zh-hans"):
        body = json.loads(view(RequestFactory().get("/api/v1/nowhere/")).content)
    assert _HAN.search(body["title"])
    assert body["detail"] == "/api/v1/nowhere/"


def test_every_title_is_translated() -> None:
    with override("zh-hans"):
        assert [key for key, title in TITLES.items() if not _HAN.search(str(title))] == []
