"""Writes about connections, one noun a file, within the tenant's scope. Each checks the actor where one is given."""

from connectors.services.adoption import adopt_device, adopt_keys, ignore_waiting_device
from connectors.services.connections import (
    complete_options,
    create_bindings,
    create_connection,
    delete_binding,
    delete_connection,
    open_options,
    show_options,
    update_connection,
)

__all__ = [
    "adopt_device",
    "adopt_keys",
    "complete_options",
    "create_bindings",
    "create_connection",
    "delete_binding",
    "delete_connection",
    "ignore_waiting_device",
    "open_options",
    "show_options",
    "update_connection",
]
