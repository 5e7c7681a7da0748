"""What every form that gives a role has: the role, the parts of the plant it is for; and how both are named."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from django import forms
from django.utils.functional import Promise
from django.utils.translation import gettext as _, gettext_lazy

from forgeline.identity.branches import list_branches
from forgeline.identity.models import Role
from forgeline.identity.own_roles import list_givable
from forgeline.identity.policy import Actor
from forgeline.identity.roles import OWN
from forgeline.modules.registry import list_manifests

# By the ending of a permission, or by all of it where its ending says too little.
_VERBS: dict[str, Promise] = {
    "view": gettext_lazy("look"),
    "acknowledge": gettext_lazy("answer"),
    "work": gettext_lazy("work and report"),
    "edit": gettext_lazy("build and change"),
    "write": gettext_lazy("write values"),
    "manage": gettext_lazy("decide and manage"),
    "inspect": gettext_lazy("see who changed what"),
    "pay": gettext_lazy("choose the plan, see and pay invoices"),
    "own": gettext_lazy("own the company"),
    "look": gettext_lazy("look"),
    "request": gettext_lazy("report faults and ask for work"),
    "plan": gettext_lazy("plan work and maintenance"),
    "operate": gettext_lazy("run the service"),
    "identity.customers.view": gettext_lazy("see the customers"),
    "notifications.rosters.view": gettext_lazy("see who is on duty"),
}


class GrantForm(forms.Form):
    """A role, for the whole company or for parts of the plant; only roles that the actor may give."""

    role = forms.ChoiceField(label=gettext_lazy("Role"))
    branches = forms.MultipleChoiceField(
        label=gettext_lazy("Only these parts of the plant"), required=False,
        help_text=gettext_lazy("None chosen: the whole company."),
        widget=forms.CheckboxSelectMultiple(attrs={"class": "tree"}),
    )  # fmt: skip
    first_role = Role.OPERATOR

    def __init__(self, *args: Any, actor: Actor, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        role: Any = self.fields["role"]
        role.choices = [(each.key, each.title) for each in list_givable(actor)]
        role.initial = self.first_role
        branches: Any = self.fields["branches"]
        # A no-break space a level: the label of a choice takes no markup.
        branches.choices = [
            (branch.path, "\u00a0\u00a0\u00a0" * branch.depth + branch.title) for branch in list_branches()
        ]


def branch_titles() -> dict[str, str]:
    """Return path → what the branch is called."""
    return {branch.path: branch.title for branch in list_branches()}


def name_branches(paths: Sequence[str], titles: Mapping[str, str]) -> list[str]:
    """Return what the branches of a grant are called; one whose asset is gone is out of use."""
    return [titles.get(path) or _("out of use") for path in paths]


def say_part(paths: Sequence[str], titles: Mapping[str, str]) -> str:
    """Return what a grant is for, within a sentence."""
    return ", ".join(name_branches(paths, titles)) or _("the whole company")


def permission_word(permission: str) -> str:
    """Return what who has a permission may do, in the reader's language."""
    ending = permission.rpartition(".")[2]
    return str(next((_VERBS[key] for key in (permission, ending) if key in _VERBS), permission))


def permission_title(permission: str) -> str:
    """Return a permission by itself: the part of the building, and what who has it may do there."""
    area = permission.partition(".")[0]
    title = next((str(manifest.title) for manifest in list_manifests() if manifest.key == area), area)
    return _("%(area)s: %(deed)s") % {"area": title, "deed": permission_word(permission)}


def group_permissions(actor: Actor | None) -> list[tuple[str, list[tuple[str, str]]]]:
    """Return each part of the building with its permissions, (key, word); only those of an actor where one is given."""
    groups = [
        (
            str(manifest.title),
            [
                (
                    permission,
                    permission_word(permission),
                )
                for permission in manifest.permissions
                if permission != OWN and (actor is None or actor.may_give(frozenset({permission})))
            ],
        )
        for manifest in list_manifests()
    ]
    return [(title, entries) for title, entries in groups if entries]
