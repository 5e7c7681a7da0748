"""Writes about alarms: what people do to alarms (answers) and to rules (publishing). Each checks the permission."""

from forgeline.alarms.services.answers import (
    acknowledge,
    assign,
    comment,
    put_out_of_service,
    return_to_service,
    shelve,
    unshelve,
)
from forgeline.alarms.services.publishing import check_rule, move_limit, publish_rule, remove_rule, roll_back

__all__ = [
    "acknowledge",
    "assign",
    "check_rule",
    "comment",
    "move_limit",
    "publish_rule",
    "put_out_of_service",
    "remove_rule",
    "return_to_service",
    "roll_back",
    "shelve",
    "unshelve",
]
