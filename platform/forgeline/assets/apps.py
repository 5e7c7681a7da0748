"""Registers the live topic of a machine, and the tree that grants can be limited to."""

from typing import Any

from django.apps import AppConfig


class AssetsConfig(AppConfig):
    name = "forgeline.assets"
    label = "assets"

    def ready(self) -> None:
        from forgeline.assets.queries import list_branch_facts
        from forgeline.identity.branches import register_lister
        from forgeline.realtime.topics import register_topic

        register_topic("asset", may_listen_to_asset)
        register_lister(list_branch_facts)


def may_listen_to_asset(actor: Any, ident: str) -> bool:
    """A person or key that may look at samples hears the machines of its own company."""
    from forgeline.assets.queries import is_asset_visible

    return actor.has_permission("assets.view") and ident.isdecimal() and is_asset_visible(int(ident))
