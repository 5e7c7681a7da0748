"""The authorization code flow, by allauth: state, PKCE and the exchange of the code are its part; where a provider's
configuration comes from, the nonce, the ID token and what follows are the house's.

Nothing is kept in allauth's own tables. Source: OpenID Connect Core 1.0, 3.1; RFC 9700. Not here: pages (web), who may
come in (arrival).
"""

from __future__ import annotations

import logging
import secrets
from dataclasses import dataclass
from typing import Any

from allauth.socialaccount.adapter import DefaultSocialAccountAdapter
from allauth.socialaccount.models import SocialApp, SocialLogin
from allauth.socialaccount.providers.base.constants import AuthError, AuthProcess
from allauth.socialaccount.providers.oauth2.client import OAuth2Error
from allauth.socialaccount.providers.oauth2.views import OAuth2CallbackView
from allauth.socialaccount.providers.openid_connect.provider import OpenIDConnectProvider
from allauth.socialaccount.providers.openid_connect.views import OpenIDConnectOAuth2Adapter
from django.db import connection
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.translation import gettext as _
from prometheus_client import Counter

from forgeline.base.errors import ForgelineError, InvalidInputError, NotFoundError, UnavailableError
from forgeline.notifications.wording import reason_words
from forgeline.sso.arrival import Arrival, admit, claims_of
from forgeline.sso.discovery import read_discovery
from forgeline.sso.outbound import AwayError, GuardedSession
from forgeline.sso.services import find_provider, secret_of
from forgeline.sso.tokens import read_id_token
from forgeline.tenancy.models import Tenant
from forgeline.tenancy.scoping import tenant_scope

CALLBACK = "web:sso_callback"
SIGNED_IN = Counter(
    "forgeline_sso_sign_ins_total", "Sign-ins by companies' providers, by what came of them.", ["what"]
)
_SCOPES = ["openid", "email", "profile"]
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Company:
    """A company that signs in by a provider."""

    tenant_id: int
    slug: str
    name: str


class _ArrivedError(Exception):
    """Ends allauth's part of a sign-in: what the provider has said is in ``told``."""

    def __init__(self, told: SocialLogin) -> None:
        super().__init__()
        self.told = told


def find_company(word: str) -> Company | None:
    """Return the company of a short name, of a proven e-mail domain, or of an address in one; needs no scope."""
    wanted = word.strip().lower().rpartition("@")[2]
    with connection.cursor() as cursor:
        cursor.execute("SELECT tenant_id, slug, tenant_name FROM sso_find_company(%s)", [wanted[:253]])
        row = cursor.fetchone()
    return None if row is None else Company(*row)


def begin(request: HttpRequest, slug: str, *, then: str = "") -> HttpResponse:
    """Return the redirect to a company's provider. **Raises** NotFoundError, UnavailableError."""
    provider = SocialAdapter(request).get_provider(request, slug)
    try:
        answer: HttpResponse = provider.redirect(request, AuthProcess.LOGIN, next_url=then or None)
    except AwayError as error:
        raise _away(error) from error
    except OAuth2Error as error:
        raise _wrong(error) from error
    return answer


def finish(request: HttpRequest, slug: str) -> tuple[Arrival, str]:
    """Take what the provider sends back; returns who comes in, and where they were going.

    **Raises** NotFoundError, InvalidInputError for an answer to no question of ours, UnavailableError for a provider
    that does not answer as it should, ForbiddenError for a person who may not come in.
    """
    company = _get(slug)
    try:
        OAuth2CallbackView.adapter_view(_CompanyAdapter(request, slug))(request)
    except _ArrivedError as arrived:
        told = arrived.told
    except ForgelineError as error:
        SIGNED_IN.labels(error.key).inc()
        raise
    else:
        raise InvalidInputError(_stale(), key="sso.stale")
    data = told.account.extra_data
    try:
        arrival = admit(company.tenant_id, claims_of(data["id_token"], data.get("userinfo", {})))
    except ForgelineError as error:
        SIGNED_IN.labels(error.key).inc()
        _log.info("%s lets nobody in: %s", slug, error.key)
        raise
    SIGNED_IN.labels("new" if arrival.is_new else "known").inc()
    return arrival, str(told.state.get("next") or "")


class SocialAdapter(DefaultSocialAccountAdapter):
    """Where allauth finds a company's provider, how it speaks to it, and where its part ends."""

    def get_provider(
        self, request: HttpRequest, provider: str, client_id: str | None = None
    ) -> _CompanyProvider:
        return _CompanyProvider(request, app=self.get_app(request, provider))

    def list_apps(
        self, request: HttpRequest, provider: str | None = None, client_id: str | None = None
    ) -> list[SocialApp]:
        return [] if provider is None else [self.get_app(request, provider)]

    def get_app(self, request: HttpRequest, provider: str, client_id: str | None = None) -> SocialApp:
        """Return a company's provider as allauth wants it, never saved. **Raises** NotFoundError."""
        company = _get(provider)
        with tenant_scope(company.tenant_id):
            row = find_provider()
            if row is None:
                raise _nothing()
            secret = secret_of(row)
        return SocialApp(
            provider=_CompanyProvider.id, provider_id=company.slug, name=company.name[:40], client_id=row.client_id,
            secret=secret, settings={"server_url": row.discovery_url, "issuer": row.issuer, "oauth_pkce_enabled": True},
        )  # fmt: skip

    def get_requests_session(self) -> GuardedSession:
        return GuardedSession()

    def pre_social_login(self, request: HttpRequest, sociallogin: SocialLogin) -> None:
        asked = (sociallogin.state.get("data") or {}).get("nonce")
        told = sociallogin.account.extra_data.get("id_token", {}).get("nonce")
        if (
            not asked
            or not isinstance(told, str)
            or not secrets.compare_digest(told.encode(), asked.encode())
        ):
            raise _wrong(OAuth2Error("the nonce is not the one that was sent"))
        raise _ArrivedError(sociallogin)

    def on_authentication_error(
        self,
        request: HttpRequest,
        provider: Any,
        error: Any = None,
        exception: Any = None,
        extra_context: Any = None,
    ) -> None:
        if isinstance(exception, AwayError):
            raise _away(exception)
        if error == AuthError.CANCELLED:
            raise InvalidInputError(
                _("The sign-in was broken off at your company's provider. Begin again."), key="sso.cancelled"
            )
        if exception is None and "error" not in request.GET:
            raise InvalidInputError(_stale(), key="sso.stale")
        raise _wrong(exception or OAuth2Error(f"its answer is {request.GET.get('error', '')[:60]!r}"))


class _CompanyAdapter(OpenIDConnectOAuth2Adapter):
    """allauth's OpenID Connect, with every token checked."""

    @property
    def openid_config(self) -> dict[str, Any]:
        if not hasattr(self, "_openid_config"):
            settings = self.get_provider().app.settings
            found = read_discovery(settings["server_url"])
            if found["issuer"] != settings["issuer"]:
                raise OAuth2Error("the issuer is not the one that was tested")
            self._openid_config = found
        return self._openid_config

    def get_callback_url(self, request: HttpRequest, app: SocialApp) -> str:
        return str(request.build_absolute_uri(reverse(CALLBACK, args=[self.provider_id])))

    def complete_login(self, request: HttpRequest, app: SocialApp, token: Any, **named: Any) -> SocialLogin:
        id_token = named["response"].get("id_token")
        if not isinstance(id_token, str):
            raise OAuth2Error("it sent no ID token")
        claims = read_id_token(
            id_token, keys_url=self.openid_config["jwks_uri"], issuer=app.settings["issuer"], client_id=app.client_id
        )  # fmt: skip
        data = {"id_token": claims}
        if "email" not in claims and self.openid_config.get("userinfo_endpoint"):
            told = self._fetch_user_info(token.token)
            if told.get("sub") != claims["sub"]:
                raise OAuth2Error("its user info is of another person")
            data["userinfo"] = told
        return self.get_provider().sociallogin_from_response(request, data)

    def _fetch_user_info(self, access_token: str) -> dict[str, Any]:
        reply = GuardedSession().get(self.profile_url, headers={"Authorization": f"Bearer {access_token}"})
        reply.raise_for_status()
        return reply.json()


class _CompanyProvider(OpenIDConnectProvider):
    """Asks for what the house needs; nothing of it comes from the address of a page."""

    oauth2_adapter_class = _CompanyAdapter

    def get_scope(self) -> list[str]:
        return list(_SCOPES)

    def get_callback_url(self) -> str:
        return reverse(CALLBACK, args=[self.app.provider_id])

    def redirect(
        self, request: HttpRequest, process: str, next_url: str | None = None, data: Any = None, **named: Any
    ) -> HttpResponse:
        nonce = secrets.token_urlsafe(24)
        answer: HttpResponse = super().redirect(
            request, process, next_url=next_url, data={"nonce": nonce}, auth_params={"nonce": nonce}, **named
        )
        return answer


def _get(slug: str) -> Company:
    company = find_company(slug)
    if company is None or company.slug != slug:
        raise _nothing()
    return company


def _nothing() -> NotFoundError:
    return NotFoundError(_("No company signs in here. Check its short name."), key="sso.unknown_company")


def _stale() -> str:
    return _("This sign-in took too long, was done already, or was begun in another browser. Begin again.")


def _away(error: AwayError) -> UnavailableError:
    _log.warning("a sign-on provider does not answer: %s %s", error.reason, error.detail)
    words = reason_words(error.reason)
    return UnavailableError(
        _("Your company's provider cannot be reached just now (%(why)s). Try again in a few minutes.")
        % {"why": words},
        key="sso.provider_away",
    )


def _wrong(error: Exception) -> UnavailableError:
    # What allauth says may hold the provider's whole answer.
    _log.warning("a sign-on provider does not answer as it should: %s", str(error).partition(":")[0][:120])
    return UnavailableError(
        _(
            "Your company's provider did not answer as it should, so that nobody was signed in. Tell its keeper."
        ),
        key="sso.provider_wrong",
    )


def slug_of(tenant_id: int) -> str:
    """Return the short name of a company, by which its people begin to sign in."""
    with tenant_scope(tenant_id):
        return str(Tenant.objects.values_list("slug", flat=True).get())
