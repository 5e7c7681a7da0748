"""Writes about a company's provider, its domains and the people it has named. For its owners.

Not here: who may come in (arrival), asking the provider (discovery).
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Sequence

import dns.exception
import dns.resolver
from cryptography.fernet import InvalidToken
from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models import QuerySet
from django.utils.translation import gettext as _

from forgeline.base import clock
from forgeline.base.errors import ConflictError, InvalidInputError, NotFoundError
from forgeline.base.sealing import box
from forgeline.identity.own_roles import require_givable
from forgeline.identity.policy import Actor, require_permission
from forgeline.identity.roles import OWN, PEOPLE
from forgeline.sso.discovery import Findings, look_at
from forgeline.sso.models import Domain, Identity, Provider
from forgeline.tenancy.scoping import released_scope

LOOK = "sso.look"
MOST_DOMAINS = 20
PROOF = "forgeline-domain="
_PURPOSE = "forgeline.sso.secrets"
_DOMAIN = re.compile(r"(?=.{4,253}$)([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z0-9-]{2,63}")


def find_provider() -> Provider | None:
    """Return the provider of the company in force, or None."""
    return Provider.objects.first()


def list_domains() -> QuerySet[Domain]:
    """Return the domains of the company in force, by name."""
    return Domain.objects.order_by("name")


def list_identities() -> QuerySet[Identity]:
    """Return the people whom the provider has named, by name."""
    return Identity.objects.select_related("user").order_by("user__name", "pk")


def secret_of(provider: Provider) -> str:
    """Return the client secret. **Raises** ConflictError where the platform's key has changed since."""
    try:
        return box(_PURPOSE).decrypt(provider.secret_sealed.encode()).decode()
    except InvalidToken as error:
        raise ConflictError(
            _("The platform's secret key has changed; enter the client secret again."),
            key="sso.secret_unreadable",
        ) from error


def check_provider(discovery_url: str, *, actor: Actor) -> Findings:
    """Look at a provider before it is saved. Lets go of the transaction while it waits."""
    require_permission(actor, OWN)
    if not (address := discovery_url.strip()):
        raise _invalid("discovery_url", _("Enter the address of your provider first."))
    if len(address) > (most := Provider._meta.get_field("discovery_url").max_length or 0):
        raise _invalid("discovery_url", _("An address has at most %(most)d characters.") % {"most": most})
    with released_scope():
        return look_at(address)


def save_provider(
    *,
    discovery_url: str,
    client_id: str,
    domains: Sequence[str],
    actor: Actor,
    secret: str = "",
    role: str = "",
    trusts_email: bool = False,
    is_required: bool = False,
) -> Provider:
    """Set the company's provider, which must answer well; '' keeps the secret that is kept.

    **Raises** InvalidInputError with what is wrong, ConflictError for a domain of another company.
    """
    require_permission(actor, OWN)
    names = _domains(domains)
    if role:
        require_givable(actor, role)
    findings = check_provider(discovery_url, actor=actor)
    if findings.faults:
        raise _invalid("discovery_url", *findings.faults)
    if not (client_id := client_id.strip()):
        raise _invalid("client_id", _("The provider gave you a client id with the secret; enter it."))
    with transaction.atomic():
        row = Provider.objects.select_for_update().first() or Provider()
        if not secret and not row.secret_sealed:
            raise _invalid("secret", _("The provider gave you a client secret; enter it."))
        if (row.issuer, row.client_id) != (findings.issuer, client_id):
            row.generation = secrets.randbelow(2**31)
        row.discovery_url, row.issuer, row.client_id = findings.discovery_url, findings.issuer, client_id
        if secret:
            row.secret_sealed = box(_PURPOSE).encrypt(secret.encode()).decode()
        row.role, row.trusts_email, row.is_required = role, trusts_email, is_required
        row.save()
        _set_domains(names)
    return row


def remove_provider(*, actor: Actor) -> None:
    """Sign in by passwords again; sessions that came by the provider end with their next request."""
    require_permission(actor, OWN)
    Provider.objects.all().delete()
    Identity.objects.all().delete()
    Domain.objects.all().delete()


def prove_domains(*, actor: Actor) -> list[Domain]:
    """Look in the DNS for the proofs of domains that have none yet; returns those that still have none. Where nobody
    signs up by themselves none is needed, also for what was entered while somebody could.

    **Raises** ConflictError for one that another company has proven.
    """
    require_permission(actor, OWN)
    waiting = list(Domain.objects.filter(proven_at=None))
    if not settings.SIGN_UP:
        for row in waiting:
            _prove(row)
        return []
    with released_scope():
        found = {row.pk for row in waiting if f"{PROOF}{row.token}" in _read_texts(row.name)}
    for row in waiting:
        if row.pk in found:
            _prove(row)
    return [row for row in waiting if row.proven_at is None]


def release_identity(identity_id: int, *, actor: Actor) -> None:
    """Forget whom the provider meant: the next person with that address is taken for the member anew."""
    require_permission(actor, PEOPLE)
    if not Identity.objects.filter(pk=identity_id).delete()[0]:
        raise NotFoundError(_("There is nothing here that you may see."), data={"id": identity_id})


def _set_domains(names: list[str]) -> None:
    Domain.objects.exclude(name__in=names).delete()
    known = set(Domain.objects.values_list("name", flat=True))
    for name in names:
        if name not in known:
            row = Domain.objects.create(name=name, token=secrets.token_hex(16))
            # Where nobody makes a company by themselves, the operator knows whose domain it is.
            if not settings.SIGN_UP:
                _prove(row)


def _prove(row: Domain) -> None:
    row.proven_at = clock.now()
    try:
        with transaction.atomic():
            row.save(update_fields=["proven_at"])
    except IntegrityError as error:
        sentence = _("%(domain)s is another company's here; ask the operator of this installation.")
        sentence %= {"domain": row.name}
        raise ConflictError(
            sentence, key="sso.domain_taken", data={"fields": {"domains": [sentence]}}
        ) from error


def _read_texts(name: str) -> set[str]:
    """Return the TXT records of a domain; none where it cannot be asked."""
    resolver = dns.resolver.Resolver(configure=not settings.DNS_SERVER)
    if settings.DNS_SERVER:
        host, _colon, port = settings.DNS_SERVER.partition(":")
        resolver.nameservers, resolver.port = [host], int(port or 53)
    try:
        answer = resolver.resolve(name, "TXT", lifetime=5.0)
    except dns.exception.DNSException:
        return set()
    return {b"".join(record.strings).decode(errors="replace").strip() for record in answer}


def _domains(typed: Sequence[str]) -> list[str]:
    names: list[str] = []
    for each in typed:
        name = each.strip().lower().lstrip("@").rstrip(".")
        try:
            name = name.encode("idna").decode() if not name.isascii() else name
        except UnicodeError:
            name = ""
        if not _DOMAIN.fullmatch(name):
            raise _invalid("domains", _("%(word)s is no e-mail domain such as example.com.") % {"word": each})
        if name not in names:
            names.append(name)
    if not names or len(names) > MOST_DOMAINS:
        raise _invalid(
            "domains", _("Enter one to %(most)d e-mail domains of your company.") % {"most": MOST_DOMAINS}
        )
    return names


def _invalid(name: str, *sentences: str) -> InvalidInputError:
    return InvalidInputError(" ".join(sentences), data={"fields": {name: list(sentences)}})
