"""What partners may do at a company, granted and taken back by the company; and a partner's view of its customers.

Not here: how a partner's person comes in (seats, the functions of migration 0008).
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from django.db import connection, transaction
from django.db.models import QuerySet
from django.utils.translation import gettext as _

from forgeline.base import clock
from forgeline.base.errors import ForbiddenError, InvalidInputError, NotFoundError
from forgeline.entitlements.rights import has_feature
from forgeline.identity import partner_news
from forgeline.identity.belongings import Belonging, end_grant, list_belongings
from forgeline.identity.branches import check_branches
from forgeline.identity.models import Ending, PartnerGrant
from forgeline.identity.own_roles import RoleFacts, list_givable, require_givable
from forgeline.identity.policy import Actor, require_permission
from forgeline.identity.roles import OWN, PEOPLE
from forgeline.tenancy.context import require_tenant_id
from forgeline.tenancy.models import Tenant

LONGEST = timedelta(days=366)


class Customer(NamedTuple):
    """A company that has granted something to the partner in force; ``expires_at`` may lie behind."""

    tenant_id: int
    tenant_name: str
    role: str
    own_role: str | None
    """What the customer calls the role where it made it itself."""
    branches: list[str]
    expires_at: datetime
    reason: str
    is_switched_off: bool
    """The operator has switched off for the customer that it lets partners in: nothing is to be read of it."""


class Left(NamedTuple):
    """What a partner's people have set up; it goes on only as long as they ``may_come`` in."""

    thing: Belonging
    partner: str
    may_come: bool


def list_grants() -> QuerySet[PartnerGrant]:
    """Return every grant of the company in force, the newest first: those that serve and those that are over."""
    return PartnerGrant.objects.select_related("granted_by")


def list_live() -> QuerySet[PartnerGrant]:
    """Return the grants of the company in force that serve now, the newest first."""
    return list_grants().filter(revoked_at=None, expires_at__gt=clock.now())


def list_over() -> QuerySet[PartnerGrant]:
    """Return the grants of the company in force that are over, the newest first."""
    return list_grants().exclude(revoked_at=None, expires_at__gt=clock.now())


def is_live(grant: PartnerGrant) -> bool:
    """Say whether a grant serves now."""
    return grant.revoked_at is None and grant.expires_at > clock.now()


def list_slugs() -> dict[int, str]:
    """Return the short names of the partners that the company in force has ever named, by their ids."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT partner_id, slug FROM identity_list_partner_slugs()")
        return dict(cursor.fetchall())


def find_live(slug: str) -> PartnerGrant | None:
    """Return what a partner, named by its short name, may do here now: what a new grant takes the place of."""
    numbers = [number for number, each in list_slugs().items() if each == slug.strip().lower()]
    return list_live().filter(partner_id__in=numbers).first()


def is_wider(grant: PartnerGrant, *, role: str, branches: Sequence[str]) -> bool:
    """Say whether a role, for parts of the plant, is another than that of a grant or reaches further."""
    if role != grant.role:
        return True
    inner = tuple(grant.branches)
    return bool(inner) and (not branches or any(not path.startswith(inner) for path in branches))


def may_let_in() -> bool:
    """Say whether the company in force may let partners in: the operator may have switched it off. What was granted
    rests then, is seen and taken back.
    """
    return has_feature(require_tenant_id(), "identity.partners")


def list_left() -> list[Left]:
    """Return what each partner's people have set up and the company has not made its own, whoever may still come in."""
    names: dict[int, str] = {}
    live: set[int] = set()
    # The oldest first: a partner is called as its newest grant calls it.
    for grant in list_grants().reverse():
        names[grant.partner_id] = grant.partner_name
        if is_live(grant):
            live.add(grant.partner_id)
    return [
        Left(thing, name, partner_id in live)
        for partner_id, name in names.items()
        for thing in list_belongings(partner_id)
    ]


def list_roles_for_partners(actor: Actor) -> list[RoleFacts]:
    """Return the roles that an actor may give to a partner: nobody makes an owner of one."""
    return [role for role in list_givable(actor) if OWN not in role.permissions]


def grant_partner(
    *,
    partner: str,
    role: str,
    expires_at: datetime,
    actor: Actor,
    branches: Sequence[str] = (),
    reason: str = "",
) -> PartnerGrant:
    """Let the people of a partner, named by its short name, act here in a role, for parts of the plant, until then.

    One grant a partner: a new one takes the place of the former. **Raises** ForbiddenError for a visitor and for a
    role above the actor's, InvalidInputError for a partner that there is not, a time that is past or too far off.
    """
    require_permission(actor, PEOPLE)
    if not may_let_in():
        raise ForbiddenError(
            _("The operator of the service has switched this off for your company."),
            key="entitlements.switched_off",
        )
    given = require_givable(actor, role)
    if OWN in given.permissions:
        raise ForbiddenError(
            _("A partner never owns the company; choose another role."), key="identity.role_above"
        )
    now = clock.now()
    if not now < expires_at <= now + LONGEST:
        raise InvalidInputError.at("expires_at", _("Choose a time from now on, at most a year ahead."))
    found = _find_partner(partner.strip().lower())
    if found is None or found[0] == require_tenant_id():
        raise InvalidInputError.at(
            "partner",
            _("There is no partner with this short name; it stands on the partner's page “Customers”."),
        )
    limited = check_branches(branches, given.permissions)
    with transaction.atomic():
        # Two who grant at once: the second waits here, and replaces what the first has made.
        Tenant.objects.select_for_update().get(pk=require_tenant_id())
        same = PartnerGrant.objects.filter(
            partner_id=found[0], revoked_at=None, role=role, branches=limited, reason=reason.strip(),
            expires_at=expires_at,
        ).first()  # fmt: skip
        if same is not None:
            # A button pressed twice.
            return same
        former = PartnerGrant.objects.filter(partner_id=found[0], revoked_at=None)
        live = former.filter(expires_at__gt=now)
        is_change = bool(live.update(revoked_at=now, ended_at=now, ending=Ending.REPLACED))
        former.update(revoked_at=now, ended_at=now)
        row = PartnerGrant.objects.create(
            partner_id=found[0], partner_name=found[1], role=role, branches=limited, reason=reason.strip(),
            expires_at=expires_at, granted_by_id=actor.user_id,
        )  # fmt: skip
        partner_news.tell(row, partner_news.News.CHANGED if is_change else partner_news.News.GIVEN)
    return row


def revoke_grant(grant_id: int, *, actor: Actor) -> PartnerGrant:
    """Take a grant back: the partner's people are out with the next click, and what they had set up stops
    (belongings). Once more changes nothing.

    **Raises** NotFoundError.
    """
    require_permission(actor, PEOPLE)
    row = PartnerGrant.objects.select_for_update(of=("self",)).filter(pk=grant_id).first()
    if row is None:
        raise NotFoundError(_("There is nothing here that you may see."), data={"id": grant_id})
    if row.revoked_at is None:
        row.revoked_at, row.ending = clock.now(), Ending.TAKEN_BACK
        row.save(update_fields=["revoked_at", "ending"])
        end_grant(row)
    return row


def list_customers() -> list[Customer]:
    """Return the companies that grant something to the partner in force, by name; for any other company, none."""
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {', '.join(Customer._fields)} FROM identity_list_customers()")  # noqa: S608
        return [Customer(*row) for row in cursor.fetchall()]


def _find_partner(slug: str) -> tuple[int, str] | None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT tenant_id, tenant_name FROM identity_find_partner(%s)", [slug])
        row = cursor.fetchone()
    return None if row is None else (int(row[0]), str(row[1]))
