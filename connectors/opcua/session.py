"""A session with an OPC UA server: endpoint, trust, sign-in, limits, raw requests. Not here: what is asked of it.

asyncua opens the channel and the session and watches over them; it doesn't reconnect, because the supervisor does.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from asyncua import Client, ua
from asyncua.crypto import security_policies
from asyncua.crypto.uacrypto import CertProperties, load_certificate, load_private_key

from connectors.contract import ConnectorError, mark
from connectors.opcua.certificates import CertificateFacts, first_certificate, get_identity, read_facts
from connectors.opcua.faults import fault, translate
from connectors.opcua.options import OpcUaOptions

# asyncua tells at level INFO and WARNING what we tell ourselves, and logs each notification.
logging.getLogger("asyncua").setLevel(logging.ERROR)

_POLICIES: dict[str, Any] = {
    "Basic256Sha256": security_policies.SecurityPolicyBasic256Sha256,
    "Aes128_Sha256_RsaOaep": security_policies.SecurityPolicyAes128Sha256RsaOaep,
    "Aes256_Sha256_RsaPss": security_policies.SecurityPolicyAes256Sha256RsaPss,
}
_POLICY_PREFIX = "http://opcfoundation.org/UA/SecurityPolicy#"
_SESSION_TIMEOUT_S = 60
"""Short, because small controllers hold few sessions and a killed process can't close its own."""


@dataclass(frozen=True, slots=True)
class Limits:
    """OperationLimits of the server (Part 5, 6.3.11), with our own bound where it sets none."""

    nodes_per_read: int = 1000
    nodes_per_browse: int = 1000
    nodes_per_history_read: int = 100
    items_per_call: int = 1000
    paths_per_call: int = 1000


@dataclass(frozen=True, slots=True)
class OfferedEndpoint:
    """One way in that a server offers."""

    policy: str
    mode: str
    certificate: bytes
    identities: tuple[str, ...]


@dataclass(slots=True)
class Session:
    """An open session."""

    client: Client
    options: OpcUaOptions
    namespaces: list[str]
    limits: Limits
    certificate: CertificateFacts | None
    lost: asyncio.Future[ConnectorError]
    """Resolved with the reason once the connection is gone."""

    async def request(self, request: Any, *, timeout_s: float | None = None) -> bytes:
        """Send a service request and return the body of its response, undecoded; 0 waits without end.

        **Raises** ua.UaStatusCodeError for a service fault, ConnectionError, TimeoutError.
        """
        protocol = self.client.uaclient.protocol
        if protocol is None:
            raise ConnectionError("the connection is closed")
        return bytes(await protocol.send_request(request, timeout_s))


async def list_endpoints(options: OpcUaOptions) -> list[OfferedEndpoint]:
    """Ask the server, without a session, which endpoints it offers. **Raises** ConnectorError."""
    client = Client(options.endpoint, timeout=options.timeout_s)
    try:
        endpoints = await client.connect_and_get_server_endpoints()
    except (OSError, TimeoutError, ua.UaError) as error:
        raise translate(error, endpoint=options.endpoint) from error
    return [
        OfferedEndpoint(
            policy=str(each.SecurityPolicyUri or "").removeprefix(_POLICY_PREFIX),
            mode={2: "Sign", 3: "SignAndEncrypt"}.get(int(each.SecurityMode), "None"),
            certificate=first_certificate(each.ServerCertificate or b""),
            identities=tuple(sorted({token.TokenType.name for token in each.UserIdentityTokens or []})),
        )
        for each in endpoints
        if str(each.EndpointUrl or "").startswith("opc.tcp")
    ]


def choose_endpoint(options: OpcUaOptions, offered: list[OfferedEndpoint]) -> OfferedEndpoint:
    """Return the endpoint that the options ask for. **Raises** PermanentError ``opcua.no_such_endpoint``."""
    mode = options.security_mode if options.is_secure else "None"
    for each in offered:
        if each.policy == options.security_policy and each.mode == mode:
            return each
    known = ", ".join(
        sorted({f"{each.policy}/{each.mode}" if each.policy != "None" else "None" for each in offered})
    )
    raise fault(
        mark("The server doesn't offer %(wanted)s. It offers: %(offered)s."),
        key="opcua.no_such_endpoint",
        permanent=True,
        wanted=f"{options.security_policy}/{mode}" if options.is_secure else "None",
        offered=known or "-",
    )


def require_trust(options: OpcUaOptions, certificate: bytes) -> CertificateFacts:
    """Return the facts of the server's certificate if a person has trusted it.

    **Raises** PermanentError ``opcua.untrusted_certificate``; its data has fingerprint, subject and expiry.
    """
    try:
        facts = read_facts(certificate)
    except ValueError as error:
        raise fault(
            mark("The server's certificate cannot be read; its owner must make a new one."),
            key="opcua.bad_certificate",
            permanent=True,
        ) from error
    if facts.fingerprint == options.server_fingerprint:
        return facts
    if options.server_fingerprint:
        sentence = mark(
            "The server shows another certificate than the one that was trusted: %(fingerprint)s (%(subject)s). If "
            "the server was replaced or its certificate renewed, compare the fingerprint with its owner and trust "
            "it; else somebody may stand between."
        )
    else:
        sentence = mark(
            "Nobody has trusted this server's certificate yet: %(fingerprint)s (%(subject)s). Compare the "
            "fingerprint with the server's own and trust it."
        )
    raise fault(sentence, key="opcua.untrusted_certificate", permanent=True, **facts.as_data())


@contextlib.asynccontextmanager
async def open_session(
    options: OpcUaOptions, *, name: str, folder: Path | None = None
) -> AsyncIterator[Session]:
    """Open a session and close it at the end. **Raises** ConnectorError, PermanentError."""
    client = Client(options.endpoint, timeout=options.timeout_s, watchdog_intervall=options.keep_alive_s)
    client.name = client.description = name
    client.session_timeout = _SESSION_TIMEOUT_S * 1000
    lost: asyncio.Future[ConnectorError] = asyncio.get_running_loop().create_future()

    async def on_lost(error: Exception) -> None:
        if not lost.done():
            lost.set_result(translate(error, endpoint=options.endpoint))

    client.connection_lost_callback = on_lost
    facts = None
    try:
        if options.is_secure:
            facts = await _secure(client, options, folder)
        if options.identity == "user":
            client.set_user(options.user)
            client.set_password(options.password)
        elif options.identity == "certificate":
            client.user_certificate = await load_certificate(options.user_certificate.encode(), "pem")
            client.user_private_key = await load_private_key(options.user_key.encode(), extension="pem")
        await client.connect()
    except ValueError as error:  # cryptography, for a key or certificate it cannot read
        raise fault(
            mark("The user certificate or its key cannot be read; paste both as PEM text."),
            key="opcua.bad_user_certificate",
            permanent=True,
        ) from error
    except (OSError, TimeoutError, ua.UaError) as error:
        raise translate(error, endpoint=options.endpoint) from error
    try:
        try:
            namespaces = [str(uri or "") for uri in await client.get_namespace_array()]
            limits = await read_limits(client)
        except (OSError, TimeoutError, ua.UaError) as error:
            raise translate(error, endpoint=options.endpoint) from error
        yield Session(client, options, namespaces, limits, facts, lost)
    finally:
        await _close(client)
        if not lost.done():
            lost.cancel()


async def _secure(client: Client, options: OpcUaOptions, folder: Path | None) -> CertificateFacts:
    endpoint = choose_endpoint(options, await list_endpoints(options))
    facts = require_trust(options, endpoint.certificate)
    identity = await asyncio.to_thread(get_identity, folder)
    client.application_uri = identity.application_uri
    await client.set_security(
        _POLICIES[options.security_policy],
        CertProperties(identity.certificate_der, "der"),
        CertProperties(identity.key_pem, "pem"),
        server_certificate=CertProperties(endpoint.certificate, "der"),
        mode=getattr(ua.MessageSecurityMode, options.security_mode),
    )
    return facts


async def _close(client: Client) -> None:
    """Leave politely within two seconds, else drop the socket: a dead server must not hold up a stop."""
    try:
        async with asyncio.timeout(2):
            await client.disconnect()
    except (OSError, TimeoutError, ua.UaError):
        client.disconnect_socket()


_LIMIT_NODES = {
    "nodes_per_read": ua.ObjectIds.Server_ServerCapabilities_OperationLimits_MaxNodesPerRead,
    "nodes_per_browse": ua.ObjectIds.Server_ServerCapabilities_OperationLimits_MaxNodesPerBrowse,
    "nodes_per_history_read": (
        ua.ObjectIds.Server_ServerCapabilities_OperationLimits_MaxNodesPerHistoryReadData
    ),
    "items_per_call": ua.ObjectIds.Server_ServerCapabilities_OperationLimits_MaxMonitoredItemsPerCall,
    "paths_per_call": (
        ua.ObjectIds.Server_ServerCapabilities_OperationLimits_MaxNodesPerTranslateBrowsePathsToNodeIds
    ),
}


async def read_limits(client: Client) -> Limits:
    """Ask for the server's operation limits, one by one: a limit on reading might be one of them."""
    own = Limits()
    found: dict[str, int] = {}
    for name, number in _LIMIT_NODES.items():
        results = await client.uaclient.read_attributes([ua.NodeId(ua.Int32(number))], ua.AttributeIds.Value)
        value = results[0].Value.Value if results and results[0].Value is not None else None
        bound = getattr(own, name)
        found[name] = min(value, bound) if isinstance(value, int) and value > 0 else bound
    return Limits(**found)
