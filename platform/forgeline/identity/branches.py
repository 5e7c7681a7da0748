"""The branches of the plant that grants are limited to, as paths of assets. Not here: the walls (tenancy.rls)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from django.db import connection
from django.utils.translation import gettext as _

from forgeline.base.errors import InvalidInputError
from forgeline.identity.models import ApiKey, Invitation, Membership, PartnerGrant
from forgeline.identity.roles import OWN
from forgeline.tenancy.context import require_tenant_id

MOST = 50
"""Branches of one grant; more would say that the plant's tree is not the right one."""
_GRANTS = (Membership, Invitation, ApiKey, PartnerGrant)


@dataclass(frozen=True, slots=True)
class BranchFacts:
    """A part of the plant that a grant can be limited to: a plant, an area, a line or a machine."""

    path: str
    title: str
    depth: int


_listers: list[Callable[[], list[BranchFacts]]] = []


def register_lister(lister: Callable[[], list[BranchFacts]]) -> None:
    """Take the function that lists the branches of the company in force; the tree itself is above this room."""
    _listers.append(lister)


def list_branches() -> list[BranchFacts]:
    """Return the branches of the company in force, in the order of the tree."""
    return [branch for lister in _listers for branch in lister()]


def check_branches(branches: Sequence[str], permissions: frozenset[str]) -> list[str]:
    """Return branches without those that lie in another of them. **Raises** InvalidInputError for an unknown one,
    for too many, and where the role is about the whole company.
    """
    chosen = sorted(set(branches))
    if not chosen:
        return []
    known = {branch.path for branch in list_branches()}
    if any(path not in known for path in chosen):
        raise _invalid(_("There is no such part of the plant; read the list again."))
    if OWN in permissions:
        raise _invalid(_("An owner has the whole company."))
    outer = [path for path in chosen if not any(path != other and path.startswith(other) for other in chosen)]
    if len(outer) > MOST:
        raise _invalid(_("At most %(most)d parts of the plant; choose what is above them.") % {"most": MOST})
    return outer


def _invalid(sentence: str) -> InvalidInputError:
    return InvalidInputError.at("branches", sentence)


def rewrite_branches(*, old: str, new: str) -> None:
    """Let every grant follow a branch that moved from ``old`` to ``new``, in one statement a table."""
    if old == new:
        return
    for model in _GRANTS:
        with connection.cursor() as cursor:
            cursor.execute(
                f"""
                UPDATE {model._meta.db_table} SET branches = ARRAY(
                    SELECT CASE WHEN b ^@ %(old)s THEN %(new)s || substr(b, length(%(old)s) + 1) ELSE b END
                    FROM unnest(branches::text[]) WITH ORDINALITY AS u (b, n) ORDER BY n
                )
                WHERE tenant_id = %(tenant)s AND EXISTS (SELECT 1 FROM unnest(branches::text[]) AS b WHERE b ^@ %(old)s)
                """,  # noqa: S608 - the table's name is ours
                {"old": old, "new": new, "tenant": require_tenant_id()},
            )
