"""The roles that every company has, as sets of permissions; modules' permissions fall into them by their endings.

``.view`` looks, ``.acknowledge``, ``.request`` and ``.work`` answer and report, ``.plan`` decides what is worked on,
``.edit`` and ``.write`` build, ``.manage`` decides on what is kept and spent. Not here: who has a role (models), asking
for a permission (policy).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

OWN, PEOPLE = "identity.own", "identity.edit"
CUSTOMERS, OPERATE = "identity.customers.view", "identity.operate"
"""What only people of a partner, and of the operator, have."""
_LOOK, _ANSWER, _PLAN = (".view",), (".acknowledge", ".request", ".work"), (".plan",)
_BUILD, _MANAGE = (".edit", ".write"), (".manage",)


@dataclass(frozen=True, slots=True)
class BuiltIn:
    """A role: ``endings`` of the permissions that it has, but for those it is ``without``."""

    key: str
    help: Promise
    endings: tuple[str, ...]
    without: frozenset[str] = frozenset()

    def permissions(self, every: Iterable[str]) -> frozenset[str]:
        """Return those of all declared permissions that the role has."""
        return frozenset(each for each in every if each.endswith(self.endings) and each not in self.without)


def withhold(permissions: frozenset[str]) -> frozenset[str]:
    """Return what somebody may who acts at a company without belonging to it: neither its people and keys, by which
    he could stay longer than he was let in, nor the company itself, nor its money.
    """
    return frozenset(each for each in permissions if each != PEOPLE and not each.endswith((".own", ".pay")))


BUILT_IN: dict[str, BuiltIn] = {
    role.key: role
    for role in (
        BuiltIn("owner", _("Everything, the company itself included."), ("",)),
        BuiltIn(
            "manager", _("Everything but making owners."), ("",), without=frozenset({OWN})
        ),
        BuiltIn(
            "engineer", _("Builds: machines, connections, rules, messages."), _LOOK + _ANSWER + _PLAN + _BUILD,
            without=frozenset({OWN, PEOPLE}),
        ),
        BuiltIn(
            "maintenance", _("Looks, answers alarms, works on machines and plans their maintenance."),
            _LOOK + _ANSWER + _PLAN,
        ),
        BuiltIn(
            "operator", _("Looks, answers alarms, moves limits within their bounds."), _LOOK + _ANSWER
        ),
        BuiltIn("viewer", _("Looks."), _LOOK),
        BuiltIn(
            "integrator", _("Programs: reads, writes and builds by the API."),
            _LOOK + _ANSWER + _PLAN + _BUILD + _MANAGE, without=frozenset({OWN, PEOPLE}),
        ),
    )
}  # fmt: skip
