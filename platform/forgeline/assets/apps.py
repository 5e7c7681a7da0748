"""Registers the live topic of a machine."""

from typing import Any

from django.apps import AppConfig


class AssetsConfig(AppConfig):
    name = "forgeline.assets"
    label = "assets"

    def ready(self) -> None:
        from forgeline.realtime.topics import register_topic

        register_topic("asset", may_listen_to_asset)


def may_listen_to_asset(actor: Any, ident: str) -> bool:
    """A person or key that may look at samples hears the machines of its own company."""
    from forgeline.assets.queries import is_asset_visible

    return actor.has_permission("assets.view") and ident.isdecimal() and is_asset_visible(int(ident))
