"""Writes about the plant, one noun a file. Each checks the actor's permission where one is given."""

from forgeline.assets.services.calendar import (
    PATTERNS,
    change_shift,
    clear_day,
    create_shift,
    end_shift,
    set_day,
    take_holidays,
    use_pattern,
)
from forgeline.assets.services.devices import (
    create_credential,
    create_device,
    retire_device,
    revoke_credential,
    update_device,
)
from forgeline.assets.services.places import (
    create_asset,
    create_site,
    move_asset,
    retire_asset,
    retire_site,
    update_asset,
    update_site,
)
from forgeline.assets.services.points import (
    check_point,
    create_point,
    create_points_of_profile,
    move_point,
    retire_point,
    update_point,
)

__all__ = [
    "PATTERNS",
    "change_shift",
    "check_point",
    "clear_day",
    "create_asset",
    "create_credential",
    "create_device",
    "create_point",
    "create_points_of_profile",
    "create_shift",
    "create_site",
    "end_shift",
    "move_asset",
    "move_point",
    "retire_asset",
    "retire_device",
    "retire_point",
    "retire_site",
    "revoke_credential",
    "set_day",
    "take_holidays",
    "update_asset",
    "update_device",
    "update_point",
    "update_site",
    "use_pattern",
]
