"""What the operator of the service does with companies: naming partners, visits in a member's place, features.

Every deed is in the company's own audit log. Also how the first operator is made. Not here: money (billing.console).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from datetime import timedelta

from django.db import connection, connections, transaction
from django.utils.text import slugify
from django.utils.translation import gettext as _

from forgeline.audit import recorder
from forgeline.base import clock
from forgeline.base.errors import InvalidInputError, NotFoundError
from forgeline.entitlements import rights
from forgeline.identity import belongings, services
from forgeline.identity.models import Impersonation, Membership, Role, User
from forgeline.identity.policy import Actor, require_permission
from forgeline.identity.roles import OPERATE
from forgeline.tenancy.context import require_tenant_id
from forgeline.tenancy.models import Kind, Tenant
from forgeline.tenancy.scoping import list_tenant_ids, tenant_scope

VISIT = timedelta(minutes=30)


@contextmanager
def at_company(tenant_id: int, *, actor: Actor) -> Iterator[None]:
    """Run a block in a company's scope as the operator, who is named as such in its audit log.

    **Raises** ForbiddenError without the console's permission, NotFoundError for a company that there is not.
    """
    require_permission(actor, OPERATE)
    if tenant_id not in list_tenant_ids():
        raise NotFoundError(_("There is no such company."), data={"id": tenant_id})
    with _named(actor), tenant_scope(tenant_id, branches=()):
        yield


def _named(actor: Actor) -> AbstractContextManager[None]:
    """Name the operator in what customers' audit logs say of a block."""
    operator = Tenant.objects.get(pk=require_tenant_id()).name
    return recorder.acting(replace(recorder.current(), who=f"{actor.label} ({operator})"))


def name_partner(tenant_id: int, *, is_partner: bool, actor: Actor) -> None:
    """Make a company a partner, whom customers may let in, or an ordinary one again: then its accesses end, each in
    its customer's audit log, and a partner that it may be again later is let in anew.
    """
    require_permission(actor, OPERATE)
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("SELECT tenancy_name_partner(%s, %s)", [tenant_id, is_partner])
            if not cursor.fetchone()[0]:
                raise NotFoundError(_("There is no such company."), data={"id": tenant_id})
        if not is_partner:
            with _named(actor):
                belongings.end_grants(partner_id=tenant_id)


def impersonate(tenant_id: int, membership_id: int, *, reason: str, actor: Actor) -> Impersonation:
    """See a company as one of its members does, for VISIT, for a reason that stands in its audit log.

    **Raises** InvalidInputError without a reason, NotFoundError for a person who cannot come in there.
    """
    if len(reason.strip()) < 5:
        sentence = _("Say why, such as the number of the customer's call: it stands in their audit log.")
        raise InvalidInputError.at("reason", sentence)
    if tenant_id == actor.tenant_id:
        raise NotFoundError(_("There is no such company."), data={"id": tenant_id})
    with at_company(tenant_id, actor=actor):
        members = Membership.objects.select_related("user").filter(deactivated_at=None)
        member = members.filter(pk=membership_id).first()
        if member is None:
            raise NotFoundError(_("There is no such person in this company."), data={"id": membership_id})
        return Impersonation.objects.create(
            tenant_id=tenant_id, user_id=actor.user_id, member=member, on_behalf=member.user.email,
            reason=reason.strip()[:200], expires_at=clock.now() + VISIT,
        )  # fmt: skip


def switch_feature(tenant_id: int, key: str, is_on: bool | None, *, actor: Actor) -> None:
    """Switch a feature on or off for a company; None lets its plan decide again. **Raises** InvalidInputError."""
    with at_company(tenant_id, actor=actor):
        before = rights.rights_of(tenant_id).switches.get(key)
        rights.switch(key, is_on)
        recorder.record("entitlements.feature.changed", subject=key, changes={"is_on": [before, is_on]})


def make_operator(*, email: str, company: str) -> tuple[User, Tenant, bool]:
    """Make a person an owner of the operator's company, and that company where there is none; returns both and whether
    the person is new. By the database's owner: for whoever runs the server, never for a request.
    """
    with transaction.atomic():
        user = User.objects.filter(email=email.strip().lower()).first()
        is_new = user is None
        if user is None:
            user = services.create_user(email=email, password=None)
        tenant = _find_operator()
        if tenant is None:
            slug = f"{slugify(company) or 'operator'}-{services.draw_letters(6)}"
            tenant = services.create_tenant(name=company, slug=slug)
        services.add_member(tenant_id=tenant.pk, user=user, role=Role.OWNER)
    with transaction.atomic("owner"), connections["owner"].cursor() as cursor:
        cursor.execute("SELECT set_config('forgeline.tenant_id', %s, true)", [str(tenant.pk)])
        cursor.execute("UPDATE tenancy_tenant SET kind = 'operator' WHERE id = %s", [tenant.pk])
    return user, tenant, is_new


def _find_operator() -> Tenant | None:
    for tenant_id in list_tenant_ids():
        with tenant_scope(tenant_id):
            found = Tenant.objects.filter(pk=tenant_id, kind=Kind.OPERATOR).first()
        if found is not None:
            return found
    return None
