"""Whether the steps of a company's first hour are done, and where each is done. Asked in the company's scope."""

from __future__ import annotations

from django.urls import reverse

from forgeline.alarms.models import Rule
from forgeline.assets.models import Asset
from forgeline.assets.models.place import AssetLevel
from forgeline.assets.queries import list_assets, list_points, list_sites
from forgeline.billing.models import State
from forgeline.billing.subscriptions import get_subscription
from forgeline.identity.models import Membership
from forgeline.identity.people import list_invitations
from forgeline.notifications.models import Route
from forgeline.telemetry.queries import read_latest

_POINTS_ASKED = 500


def has_plant() -> bool:
    return list_sites().exists()


def lead_to_plant() -> str:
    return reverse("web:new_site")


def has_machine() -> bool:
    return _find_machine() is not None


def lead_to_machine() -> str:
    site = list_sites().first()
    return lead_to_plant() if site is None else reverse("web:new_asset", args=[site.pk])


def has_value() -> bool:
    return bool(read_latest(list(list_points().values_list("pk", flat=True)[:_POINTS_ASKED])))


def lead_to_value() -> str:
    machine = _find_machine()
    return lead_to_machine() if machine is None else reverse("web:machine", args=[machine.pk])


def has_alarm() -> bool:
    """Say whether somebody has decided on alarms: a route of messages, or a rule of the company's own."""
    return Route.objects.exists() or Rule.objects.exists()


def lead_to_alarm() -> str:
    return reverse("web:new_notify_route")


def has_colleague() -> bool:
    return list_invitations().exists() or Membership.objects.count() > 1


def lead_to_colleague() -> str:
    return reverse("web:people")


def is_sold() -> bool:
    """Say whether plans are sold here."""
    return get_subscription() is not None


def has_plan() -> bool:
    found = get_subscription()
    return found is not None and (found.state != State.TRIAL or found.next_plan_id is not None)


def lead_to_plan() -> str:
    return reverse("web:plan")


def _find_machine() -> Asset | None:
    return list_assets().filter(level=AssetLevel.WORK_UNIT).order_by("pk").first()
