"""The tables: people and rosters, channels and routes, the outbox. No decisions here."""

from forgeline.notifications.models.outbox import Attempt, Delivery, Escalation, Form, Notice, State
from forgeline.notifications.models.people import Holidays, Pattern, Preference, Roster, RosterEntry, StandIn
from forgeline.notifications.models.routing import Channel, Priority, Route, RouteStep, Via

__all__ = [
    "Attempt",
    "Channel",
    "Delivery",
    "Escalation",
    "Form",
    "Holidays",
    "Notice",
    "Pattern",
    "Preference",
    "Priority",
    "Roster",
    "RosterEntry",
    "Route",
    "RouteStep",
    "StandIn",
    "State",
    "Via",
]
