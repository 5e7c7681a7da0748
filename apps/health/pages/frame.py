"""What pages of maintenance do alike: permission, the plant's clock, a deed with its errors at the form's fields."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any
from zoneinfo import ZoneInfo

from django import forms
from django.contrib import messages
from django.db import transaction
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.utils import timezone

from apps.health.queries.register import list_machines
from forgeline.assets.models import Asset, Site
from forgeline.assets.queries import list_sites
from forgeline.base.errors import ForgelineError
from forgeline.base.moments import check_moment
from forgeline.identity.people import list_members
from forgeline.web.access import needs, put_faults

MOST_ROWS = 300


def page(permission: str) -> Callable[[Callable[..., HttpResponseBase]], Callable[..., HttpResponseBase]]:
    """Let in who has the permission, by the clock of the first plant."""

    def decorate(view: Callable[..., HttpResponseBase]) -> Callable[..., HttpResponseBase]:
        @wraps(view)
        def shown(request: HttpRequest, /, *args: Any, **kwargs: Any) -> HttpResponseBase:
            with timezone.override(zone_of(next(iter(list_sites()), None))):
                return view(request, *args, **kwargs)

        return needs(permission)(shown)

    return decorate


def zone_of(site: Site | None) -> ZoneInfo:
    return ZoneInfo("UTC" if site is None else site.zone)


def may(request: HttpRequest, permission: str) -> bool:
    return bool(request.actor.has_permission(permission))  # type: ignore[attr-defined]


def attempt(
    request: HttpRequest, deed: Callable[[], Any], *, form: forms.Form | None = None, done: str = ""
) -> bool:
    """Do something; what refuses it stands at the form's fields, or above the page. Nothing is kept then."""
    try:
        with transaction.atomic():
            deed()
    except ForgelineError as error:
        if form is None:
            messages.error(request, str(error), extra_tags="bad")
        else:
            put_faults(form, error)
        return False
    if done:
        messages.success(request, done)
    return True


def whole(word: str | None) -> int | None:
    """Return an id from an address or a form, None for anything else."""
    return int(word) if word and word.isascii() and word.isdecimal() and len(word) < 19 else None


def machine_choices() -> list[tuple[Any, Any]]:
    """Machines by their line, for a choice."""
    groups: dict[str, list[tuple[int, str]]] = {}
    for asset in list_machines():
        groups.setdefault(_place(asset), []).append((asset.pk, asset.title))
    return [("", "–"), *groups.items()]


def _place(asset: Asset) -> str:
    return asset.site.title if asset.parent is None else f"{asset.site.title} · {asset.parent.title}"


def person_choices() -> list[tuple[Any, Any]]:
    """Who may do an order: members of the company."""
    people = [(each.user_id, str(each.user)) for each in list_members() if each.deactivated_at is None]
    return [("", "–"), *people]


def plant_choices() -> list[tuple[Any, Any]]:
    return [(site.pk, site.title) for site in list_sites()]


def optional_id(word: str) -> int | None:
    """For TypedChoiceField: the id that was chosen, None for none."""
    return int(word) if word else None


class Moment(forms.DateTimeField):
    """A time by the plant's clock."""

    def __init__(self, **kwargs: Any) -> None:
        widget = forms.DateTimeInput(attrs={"type": "datetime-local"}, format="%Y-%m-%dT%H:%M")
        super().__init__(required=False, widget=widget, validators=[check_moment], **kwargs)


class Day(forms.DateField):
    """A day of the calendar."""

    def __init__(self, **kwargs: Any) -> None:
        widget = forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d")
        super().__init__(required=False, widget=widget, validators=[check_moment], **kwargs)


class Choice(forms.TypedChoiceField):
    """A choice of ids, asked for when the form is shown."""

    def __init__(self, choices: Callable[[], Any], *, required: bool = True, **kwargs: Any) -> None:
        super().__init__(choices=choices, coerce=optional_id, empty_value=None, required=required, **kwargs)
