"""The API that was published is the API that there is: description, list of operations, changelog, client's types."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest
from drf_spectacular.drainage import GENERATOR_STATS, reset_generator_stats
from drf_spectacular.validation import validate_schema

from forgeline.conf import examples, surface


@pytest.fixture(scope="module")
def description() -> dict[str, Any]:
    reset_generator_stats()
    return surface.read_description()


def test_the_description_is_openapi_3_1_and_nobody_is_warned(description: dict[str, Any]) -> None:
    assert description["openapi"] == "3.1.0"
    assert not GENERATOR_STATS, list(GENERATOR_STATS._warn_cache) + list(GENERATOR_STATS._error_cache)
    validate_schema(description)


def test_every_change_of_the_api_is_told(description: dict[str, Any]) -> None:
    assert surface.list_faults(description) == []


def test_the_clients_types_are_of_this_api(description: dict[str, Any]) -> None:
    assert surface.MODELS.read_text(encoding="utf-8") == surface.render_models(description)


def test_a_change_that_nobody_told_of_is_found(
    description: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("OPERATIONS", "CHANGELOG"):
        copied = tmp_path / getattr(surface, name).name
        copied.write_text(getattr(surface, name).read_text(encoding="utf-8"), encoding="utf-8")
        monkeypatch.setattr(surface, name, copied)
    other = copy.deepcopy(description)
    del other["paths"]["/api/v1/me/"]
    other["paths"]["/api/v1/oracle/"] = {"get": {"responses": {"200": {"description": "Yes."}}}}
    other["components"]["schemas"]["Plant"]["properties"]["altitude"] = {"type": "number"}
    faults = "\n".join(surface.list_faults(other))
    assert "GET /me/ is gone" in faults
    assert "GET /oracle/ is new" in faults
    assert "GET /plants/ takes or answers something else" in faults
    # Words for people are no change.
    worded = copy.deepcopy(description)
    worded["components"]["schemas"]["Plant"]["description"] = "A works."
    assert surface.list_faults(worded) == []
    # Writing the list is not enough: the newest entry has to name what changed.
    text = surface.CHANGELOG.read_text(encoding="utf-8")
    surface.CHANGELOG.write_text(text.replace("## ", "## 2027-01-01\n\nNothing.\n\n## ", 1), encoding="utf-8")
    surface.OPERATIONS.write_text(surface.render_operations(other), encoding="utf-8")
    faults = "\n".join(surface.list_faults(other))
    assert "the entry 2027-01-01 of api-changelog.md does not name `GET /oracle/`" in faults


def test_every_example_belongs_to_an_operation(description: dict[str, Any]) -> None:
    prints = surface.list_prints(description)
    assert [name for name in (*examples.BODIES, *examples.QUERIES) if name not in prints] == []
    shown = description["paths"]["/api/v1/plants/"]["post"]["requestBody"]["content"]["application/json"]
    assert shown["example"] == examples.BODIES["POST /plants/"]
