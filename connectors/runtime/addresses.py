"""Addresses that name a device and one of its values: ``device#key``. A topic holds no ``#``, so the cut is sure."""

from __future__ import annotations

SEPARATOR = "#"


def join_address(device: str, key: str) -> str:
    """Return the address of a device's value."""
    return f"{device}{SEPARATOR}{key}"


def split_address(address: str) -> tuple[str, str]:
    """Return (device, key); an address without a device is its own key."""
    device, separator, key = address.partition(SEPARATOR)
    return (device, key) if separator else ("", address)
