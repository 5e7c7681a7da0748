"""What an owner sets up: looked at first, in words; domains proven in the DNS; forged tokens; who may change it."""

from __future__ import annotations

import base64
import hmac
import json
import socketserver
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import dns.message
import dns.rrset
import jwt
import pytest
from allauth.socialaccount.providers.oauth2.client import OAuth2Error
from cryptography.hazmat.primitives.asymmetric import rsa
from django.test import Client

from forgeline.base.errors import ConflictError, ForbiddenError, InvalidInputError
from forgeline.identity.models import Membership, Role
from forgeline.identity.policy import Actor, permissions_of
from forgeline.sso import services
from forgeline.sso.discovery import look_at
from forgeline.sso.flow import find_company
from forgeline.sso.models import Domain, Provider
from forgeline.sso.tokens import read_id_token
from forgeline.tenancy.scoping import tenant_scope
from tests.conftest import Company
from tests.sso.conftest import owner_of, set_up, words_of
from tests.sso.foreign import Foreign

Serve = Callable[[dict[str, Any]], str]


@pytest.fixture
def serve(settings: Any) -> Iterator[Serve]:
    """``serve({path: answer})`` → the address of a web server that says just that; an answer may hold ``BASE``."""
    settings.NOTIFICATIONS = {**settings.NOTIFICATIONS, "ALLOW_PRIVATE": True}
    servers = []

    def _serve(answers: dict[str, Any]) -> str:
        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                found = answers.get(self.path)
                if isinstance(found, int) or found is None:
                    self.send_response(found or 404)
                    self.send_header("Location", "http://127.0.0.1:1/")
                    self.end_headers()
                    return
                text = found if isinstance(found, str) else json.dumps(found)
                self.send_response(200)
                self.end_headers()
                self.wfile.write(text.replace("BASE", base).encode())

            def log_message(self, *_words: Any) -> None:
                """Quiet."""

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        base = f"http://127.0.0.1:{server.server_port}"
        threading.Thread(target=server.serve_forever, daemon=True).start()
        servers.append(server)
        return base

    yield _serve
    for server in servers:
        server.shutdown()
        server.server_close()


GOOD = {
    "issuer": "BASE", "authorization_endpoint": "BASE/a", "token_endpoint": "BASE/t", "jwks_uri": "BASE/k",
    "response_types_supported": ["code"], "id_token_signing_alg_values_supported": ["RS256"],
    "code_challenge_methods_supported": ["S256"], "scopes_supported": ["openid", "email"],
}  # fmt: skip
WELL_KNOWN = "/.well-known/openid-configuration"


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"issuer": "https://login.example.com/{tenantid}/v2.0"}, "as its issuer, which is not the address"),
        ({"issuer": None}, "as its issuer"),
        ({"token_endpoint": None}, "names no token_endpoint"),
        ({"authorization_endpoint": "javascript:alert(1)"}, "authorization_endpoint: This is no web address"),
        ({"response_types_supported": ["id_token"]}, "authorization code flow"),
        ({"id_token_signing_alg_values_supported": ["HS256", "none"]}, "signs its tokens by none of"),
        ({"token_endpoint_auth_methods_supported": ["private_key_jwt"]}, "no client secret"),
        ({"jwks_uri": "BASE/nothing"}, "No keys stand at"),
    ],
)
def test_faults_are_said_in_words(serve: Serve, change: dict[str, Any], said: str) -> None:
    base = serve({WELL_KNOWN: {**GOOD, **change}, "/k": {"keys": [{"kty": "RSA"}]}})
    assert said in " ".join(look_at(base).faults)


def test_a_provider_without_fault_has_none(serve: Serve) -> None:
    base = serve({WELL_KNOWN: GOOD, "/k": {"keys": [{"kty": "RSA"}]}})
    found = look_at(base + "/")
    assert (found.faults, found.warnings, found.issuer) == ((), (), base)


@pytest.mark.parametrize("answer", [404, 302, "no JSON", "[]", "{" * 100_000])
def test_what_is_no_document_is_said(serve: Serve, answer: Any) -> None:
    assert look_at(serve({WELL_KNOWN: answer})).faults


@pytest.mark.parametrize(
    "address", ["http://127.0.0.1:1", "https://127.0.0.1", "https://[::1]", "https://10.0.0.8"]
)
def test_private_addresses_are_refused_where_the_installation_does_not_allow_them(address: str) -> None:
    [fault] = look_at(address).faults
    assert "private network" in fault or "https://" in fault


def test_nothing_is_saved_that_does_not_answer_well(company: Company, serve: Serve) -> None:
    base = serve({WELL_KNOWN: {**GOOD, "jwks_uri": None}})
    with tenant_scope(company.tenant_id):
        for named in ({"discovery_url": base}, {"discovery_url": "http://127.0.0.1:1"}):
            with pytest.raises(InvalidInputError):
                services.save_provider(
                    **named, client_id="c", secret="s", domains=["example.com"], actor=owner_of(company)
                )
        assert not Provider.objects.exists()


def test_the_page_tests_before_it_saves(company: Company, providers: Foreign) -> None:
    with tenant_scope(company.tenant_id):
        Membership.objects.filter(user=company.manager).update(role=Role.OWNER)
    client = Client()
    client.force_login(company.manager)
    given = {
        "discovery_url": providers.issuers[0],
        "client_id": "forgeline",
        "domains": "example.com\nexample.org",
    }
    page = client.post("/company/sign-on/", {**given, "domains": "", "check": "1"})
    assert "answers as it should" in words_of(page)
    assert "required" not in words_of(page)
    assert f'value="{providers.issuers[0]}"' in page.content.decode()
    for address, said in (("", "Enter the address of your provider"), ("https://" + "a" * 5000, "at most")):
        page = client.post(
            "/company/sign-on/", {**given, "discovery_url": address, "check": "1"}, follow=True
        )
        assert said in words_of(page)
    with tenant_scope(company.tenant_id):
        assert not Provider.objects.exists()
    refused = client.post("/company/sign-on/", {**given, "save": "1"})
    assert refused.status_code == 422
    assert "client secret; enter it" in words_of(refused)
    assert client.post("/company/sign-on/", {**given, "secret": "s3cret", "save": "1"}).status_code == 302
    assert client.post("/company/sign-on/", {**given, "client_id": "other", "save": "1"}).status_code == 302
    page = client.get("/company/sign-on/")
    assert "http://testserver/sign-in/company/alice/callback/" in page.content.decode()
    assert "s3cret" not in page.content.decode()
    told = client.get("/api/v1/sso/").json()
    assert (told["is_set"], told["client_id"], [each["name"] for each in told["domains"]]) == (
        True, "other", ["example.com", "example.org"],
    )  # fmt: skip
    assert "secret" not in told


def test_owners_alone_change_it(company: Company, providers: Foreign) -> None:
    client = Client()
    client.force_login(company.manager)
    assert client.get("/company/sign-on/").status_code == 200
    manager = Actor(company.tenant_id, "manager", permissions=permissions_of("manager"))
    with tenant_scope(company.tenant_id):
        for deed in (
            lambda: services.save_provider(
                discovery_url=providers.issuers[0],
                client_id="c",
                secret="s",
                domains=["a.example"],
                actor=manager,
            ),
            lambda: services.remove_provider(actor=manager),
            lambda: services.check_provider(providers.issuers[0], actor=manager),
        ):
            with pytest.raises(ForbiddenError):
                deed()
    client.force_login(company.viewer)
    assert client.get("/company/sign-on/").status_code == 403
    assert client.get("/api/v1/sso/").status_code == 403


@pytest.mark.parametrize(
    "typed", ["", "com", "exa mple.com", "-a.example", "a..example", "x" * 300 + ".example"]
)
def test_what_is_no_domain_is_refused(company: Company, providers: Foreign, typed: str) -> None:
    with pytest.raises(InvalidInputError):
        set_up(company, providers.issuers[0], typed)


class _NameServer(socketserver.BaseRequestHandler):
    """Answers every question for TXT with what the class knows."""

    texts: dict[str, str] = {}

    def handle(self) -> None:
        data, socket = self.request
        query = dns.message.from_wire(data)
        answer = dns.message.make_response(query)
        name = query.question[0].name
        if (text := self.texts.get(name.to_text(omit_final_dot=True))) is not None:
            answer.answer.append(dns.rrset.from_text(name, 60, "IN", "TXT", f'"{text}"', '"v=spf1 -all"'))
        socket.sendto(answer.to_wire(), self.client_address)


@pytest.fixture
def name_server(settings: Any) -> Iterator[type[_NameServer]]:
    with socketserver.ThreadingUDPServer(("127.0.0.1", 0), _NameServer) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        settings.DNS_SERVER = f"127.0.0.1:{server.server_address[1]}"
        _NameServer.texts = {}
        yield _NameServer
        server.shutdown()


def test_where_anybody_signs_up_a_domain_counts_once_its_dns_says_so(
    company: Company, stranger: Company, providers: Foreign, name_server: type[_NameServer], settings: Any
) -> None:
    settings.SIGN_UP = True
    set_up(company, providers.issuers[0], "example.com")
    set_up(stranger, providers.issuers[1], "example.com")
    assert find_company("a@example.com") is None
    actor = owner_of(stranger)
    with tenant_scope(stranger.tenant_id):
        assert [row.name for row in services.prove_domains(actor=actor)] == ["example.com"]
    with tenant_scope(company.tenant_id):
        token = Domain.objects.get().token
        name_server.texts["example.com"] = services.PROOF + token
        assert services.prove_domains(actor=owner_of(company)) == []
    found = find_company("a@example.com")
    assert found is not None
    assert found.tenant_id == company.tenant_id
    with tenant_scope(stranger.tenant_id):
        own = Domain.objects.get().token
        assert own != token
        name_server.texts["example.com"] = services.PROOF + own
        with pytest.raises(ConflictError, match="another company's"):
            services.prove_domains(actor=actor)


def test_what_was_entered_while_anybody_signed_up_counts_once_nobody_does(
    company: Company, providers: Foreign, settings: Any
) -> None:
    settings.SIGN_UP = True
    set_up(company, providers.issuers[0], "example.com")
    assert find_company("a@example.com") is None
    settings.SIGN_UP = False
    with tenant_scope(company.tenant_id):
        assert services.prove_domains(actor=owner_of(company)) == []
    found = find_company("a@example.com")
    assert found is not None
    assert found.tenant_id == company.tenant_id


# --- forged tokens ---


@pytest.fixture(scope="module")
def key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def _claims(**change: Any) -> dict[str, Any]:
    now = int(time.time())
    claims = {
        "iss": "https://issuer.example",
        "sub": "b",
        "aud": "me",
        "iat": now,
        "exp": now + 300,
        **change,
    }
    return {name: value for name, value in claims.items() if value is not None}


def _keys(key: rsa.RSAPrivateKey, **more: Any) -> dict[str, Any]:
    public = json.loads(jwt.algorithms.RSAAlgorithm.to_jwk(key.public_key()))
    return {"keys": [{**public, "kid": "one", "use": "sig", **more}]}


def _read(serve: Serve, token: str, keys: dict[str, Any]) -> dict[str, Any]:
    return read_id_token(
        token, keys_url=serve({"/k": keys}) + "/k", issuer="https://issuer.example", client_id="me"
    )


def test_a_good_token_is_read(serve: Serve, key: rsa.RSAPrivateKey) -> None:
    token = jwt.encode(_claims(), key, "PS256", headers={"kid": "one"})
    assert _read(serve, token, _keys(key))["sub"] == "b"


@pytest.mark.parametrize(
    "change",
    [
        {"iss": "https://other.example"}, {"aud": "other"}, {"aud": ["me", "other"]}, {"azp": "other"},
        {"exp": 1}, {"exp": None}, {"sub": None}, {"iat": None}, {"aud": None},
    ],
)  # fmt: skip
def test_a_token_that_is_not_for_us_is_refused(
    serve: Serve, key: rsa.RSAPrivateKey, change: dict[str, Any]
) -> None:
    token = jwt.encode(_claims(**change), key, "RS256", headers={"kid": "one"})
    with pytest.raises(OAuth2Error):
        _read(serve, token, _keys(key))


def _sign_by_secret(claims: dict[str, Any], secret: str) -> str:
    """A token that takes the provider's public key for a shared secret; the library refuses to write one."""
    head, body = (
        base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=")
        for part in ({"alg": "HS256", "kid": "one"}, claims)
    )
    seal = hmac.digest(secret.encode(), head + b"." + body, "sha256")
    return b".".join([head, body, base64.urlsafe_b64encode(seal).rstrip(b"=")]).decode()


def test_a_token_that_somebody_else_signed_is_refused(serve: Serve, key: rsa.RSAPrivateKey) -> None:
    other = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    public = json.dumps(_keys(key)["keys"][0])
    forged = [
        jwt.encode(_claims(), other, "RS256", headers={"kid": "one"}),
        jwt.encode(_claims(), key, "RS256", headers={"kid": "two"}),
        _sign_by_secret(_claims(), public),
        jwt.encode(_claims(), "", "none", headers={"kid": "one"}),
        "no.token.atall",
    ]
    for token in forged:
        with pytest.raises(OAuth2Error):
            _read(serve, token, _keys(key))
    good = jwt.encode(_claims(), key, "RS256", headers={"kid": "one"})
    for keys in (_keys(key, use="enc"), _keys(key, alg="PS256"), {"keys": []}, {"keys": "x"}, {}):
        with pytest.raises(OAuth2Error):
            _read(serve, good, keys)
