"""What each model is and was worth: the list, a model with its versions, a version with its card and drift."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import translation
from django.utils.translation import gettext as _

from apps.health import cardwords, wording
from apps.health.models import ModelVersion
from apps.health.models.ledger import VersionState
from apps.health.pages.frame import MOST_ROWS, attempt, may, page
from apps.health.queries.cards import list_fleets, read_method_card
from apps.health.queries.condition import MODELS, read_model, read_models
from apps.health.queries.ledger import LIFE, get_version, list_siblings, list_versions
from apps.health.queries.register import find_terms
from apps.health.rules import PLAN, VIEW
from apps.health.services import training
from forgeline.assets.models import Point
from forgeline.assets.profiles import PROFILES
from forgeline.base import clock
from forgeline.base.clock import from_us


@page(VIEW)
def models(request: HttpRequest) -> HttpResponse:
    """What each model was worth, whether it may call people, and the versions in use."""
    in_use = list_versions().exclude(state=VersionState.FORMER)
    versions = [_line(row) for row in in_use[:MOST_ROWS]]
    rows = [
        {
            "figures": each, "title": cardwords.model_title(each.key), "method": cardwords.model_method(each.key),
            "is_trained": each.key in cardwords.TRAINED,
            "versions": [line for line in versions if line["row"].key == each.key],
        }
        for each in read_models()
    ]  # fmt: skip
    context = {"tab": "models", "rows": rows, "currency": find_terms().currency, "fleets": _fleets(versions)}
    return render(request, "health/models.html", context)


@page(VIEW)
def model(request: HttpRequest, key: str) -> HttpResponse:
    """One model: its method, card and all its versions, the former too."""
    if key not in MODELS:
        raise Http404
    is_trained = key in cardwords.TRAINED
    card = None if is_trained else read_method_card(key, clock.now())
    context = {
        "tab": "models", "title": cardwords.model_title(key), "method": cardwords.model_method(key),
        "split": cardwords.model_split(key), "limits": cardwords.model_limits(key), "figures": read_model(key),
        "is_trained": is_trained, "card": card, "currency": find_terms().currency,
        "scores": [] if card is None else [_score(name, *pair) for name, pair in card.scores.items()],
        "versions": [_line(row) for row in list_versions().filter(key=key)[:MOST_ROWS]] if is_trained else [],
        "fleets": _fleets([_line(row) for row in list_versions().filter(key=LIFE)]) if key == LIFE else [],
    }  # fmt: skip
    return render(request, "health/model.html", context)


@page(VIEW)
def version(request: HttpRequest, version_id: int) -> HttpResponse:
    """One version: its card, its drift, its siblings; the button asks for a training."""
    row = get_version(version_id)
    if request.method == "POST":
        attempt(
            request, lambda: training.ask_training(version_id, actor=request.actor),  # type: ignore[attr-defined]
            done=_("A new version is asked for; it begins within a minute."),
        )  # fmt: skip
        return redirect("health:version", version_id=version_id)
    siblings = [_line(each) for each in list_siblings(row)]
    waits = any(each["row"].state == VersionState.WANTED for each in siblings)
    context = {
        "tab": "models", **_line(row), "title": cardwords.model_title(row.key), "siblings": siblings,
        "method": cardwords.model_method(row.key), "split": cardwords.model_split(row.key),
        "limits": cardwords.model_limits(row.key), "may_train": may(request, PLAN) and not waits,
        "drift_points": _drift_points(row), "drift_says": cardwords.drift_says(row.drift),
        "drift_at": datetime.fromisoformat(row.drift["at"]) if row.drift else None,
        "learnt": _learnt(row),
    }  # fmt: skip
    return render(request, "health/version.html", context)


def _line(row: ModelVersion) -> dict[str, Any]:
    """A version as the lists show it."""
    card = row.card
    scores = [
        _score(name, value, card["trivial"].get(name)) for name, value in card.get("scores", {}).items()
    ]
    return {
        "row": row, "of": _owner(row), "scores": scores,
        "says": wording.no_answer(row.reason, row.reason_data) if row.reason else "",
        "from_at": from_us(card["trained_from_us"]) if card else None,
        "to_at": from_us(card["trained_to_us"]) if card else None,
        "drift_word": cardwords.drift_word(row.drift["state"]) if row.drift else "",
    }  # fmt: skip


def _owner(row: ModelVersion) -> str:
    if row.asset is not None:
        return row.asset.title
    return _profile_name(row.profile)


def _profile_name(key: str) -> str:
    profile = PROFILES.get(key)
    return key if profile is None else profile.name_in(translation.get_language() or "en")


def _score(name: str, value: float | None, trivial: float | None) -> dict[str, str]:
    return {
        "word": cardwords.score_words(name), "value": cardwords.score_value(name, value),
        "trivial": "" if trivial is None else cardwords.score_value(name, trivial),
    }  # fmt: skip


def _fleets(versions: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Kinds of machines of which too few have failed for a model, or whose model waits."""
    have = {line["row"].profile for line in versions if line["row"].state == VersionState.CURRENT}
    return [
        {
            "title": _profile_name(fleet.profile), "machines": fleet.machines,
            "says": wording.no_answer("too_few_failures", {"failures": fleet.failures, "needed": fleet.needed})
            if fleet.failures < fleet.needed else wording.no_answer("training_waits", {}),
        }
        for fleet in list_fleets() if fleet.profile not in have
    ]  # fmt: skip


def _drift_points(row: ModelVersion) -> list[dict[str, Any]]:
    """The features of the last look, those that are farthest off first."""
    reports = row.drift.get("points", {})
    titles = _titles(row)
    told = [
        {
            "title": titles.get(key, key), "word": cardwords.drift_word(each.get("state", "")),
            "state": each.get("state", ""), "stability": each.get("stability"), "outside": each.get("outside"),
            "says": wording.no_answer(each["reason"], each["data"]) if "reason" in each else "",
        }
        for key, each in reports.items()
    ]  # fmt: skip
    return sorted(told, key=lambda each: -(each["stability"] or 0))


def _titles(row: ModelVersion) -> dict[str, str]:
    """Names of the features: of the machine's points, or of the profile's."""
    if row.asset_id is not None:
        points = Point.objects.filter(asset_id=row.asset_id, key__in=row.card.get("features", []))
        return {point.key: point.title for point in points}
    profile = PROFILES.get(row.profile)
    language = translation.get_language() or "en"
    return {} if profile is None else {spec.key: spec.name_in(language) for spec in profile.points}


def _learnt(row: ModelVersion) -> dict[str, Any]:
    """The data of a card in words."""
    if not row.card:
        return {}
    titles = _titles(row)
    settings = row.card["settings"]
    return {
        "features": [titles.get(key, key) for key in row.card["features"]], "rows": row.card["rows"],
        "machines": row.card["machines"], "regimes": settings.get("regimes"), "failures": settings.get("failures"),
    }  # fmt: skip
