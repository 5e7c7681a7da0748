"""Writes of what people set: channels, rosters, routes, their own wishes and bell.

Not here: what is announced and what becomes of it (services, routing, outbox).
"""

from forgeline.notifications.editing.channels import (
    create_channel,
    delete_channel,
    try_channel,
    update_channel,
)
from forgeline.notifications.editing.rosters import create_roster, delete_roster, update_roster
from forgeline.notifications.editing.routes import create_route, delete_route, update_route
from forgeline.notifications.editing.wishes import mark_read, update_preference

__all__ = [
    "create_channel",
    "create_roster",
    "create_route",
    "delete_channel",
    "delete_roster",
    "delete_route",
    "mark_read",
    "try_channel",
    "update_channel",
    "update_preference",
    "update_roster",
    "update_route",
]
