"""Whether a part of the plant is the reader's to change: what branches forbid is not offered."""

from __future__ import annotations

from django import template

from forgeline.assets.models import Asset, Site
from forgeline.identity.policy import Actor

register = template.Library()


@register.filter
def may_change(actor: Actor, place: Site | Asset) -> bool:
    """``{% if actor|may_change:site %}``."""
    return actor.may_change(place.path if isinstance(place, Asset) else f"/{place.pk}/")
