"""Registers the live topics of machines, branches and points, and the tree that grants can be limited to."""

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
        register_topic("branch", may_listen_to_asset)
        register_topic("point", may_listen_to_point)
        register_lister(list_branch_facts)


def may_listen_to_asset(actor: Any, ident: str) -> bool:
    """A person or key that may look at samples hears the machines of its own company."""
    from forgeline.assets.queries import is_asset_visible

    return actor.has_permission("assets.view") and is_id(ident) and is_asset_visible(int(ident))


def may_listen_to_point(actor: Any, ident: str) -> bool:
    """Whoever hears a machine hears each of its points."""
    from forgeline.assets.queries import is_point_visible

    return actor.has_permission("assets.view") and is_id(ident) and is_point_visible(int(ident))


def is_id(ident: str) -> bool:
    """Say whether a word is an id as we write it: a topic has one name."""
    return ident.isascii() and ident.isdecimal() and len(ident) < 19 and str(int(ident)) == ident
