"""The errors of OPC UA in words that help. Not here: what is done about them (the supervisor)."""

from __future__ import annotations

import asyncio
import socket
from typing import Any

from asyncua import ua
from asyncua.ua.uaerrors import UaStatusCodeError

from connectors.contract import ConnectorError, PermanentError, mark


def fault(sentence: str, *, key: str, permanent: bool = False, **data: Any) -> ConnectorError:
    """Build an error whose sentence can be translated: ``data`` fills its %(name)s and keeps it as ``sentence``."""
    kind = PermanentError if permanent else ConnectorError
    return kind(sentence % data if data else sentence, key=key, data={**data, "sentence": sentence})


_SIGN_IN = {
    ua.StatusCodes.BadIdentityTokenRejected,
    ua.StatusCodes.BadIdentityTokenInvalid,
    ua.StatusCodes.BadUserAccessDenied,
    ua.StatusCodes.BadUserSignatureInvalid,
    ua.StatusCodes.BadNoValidCertificates,
}
_OWN_CERTIFICATE = {
    ua.StatusCodes.BadCertificateUntrusted,
    ua.StatusCodes.BadCertificateInvalid,
    ua.StatusCodes.BadCertificateUriInvalid,
    ua.StatusCodes.BadCertificateUseNotAllowed,
    ua.StatusCodes.BadCertificateTimeInvalid,
    ua.StatusCodes.BadCertificateChainIncomplete,
    ua.StatusCodes.BadSecurityChecksFailed,
    ua.StatusCodes.BadApplicationSignatureInvalid,
}
_POLICY = {ua.StatusCodes.BadSecurityPolicyRejected, ua.StatusCodes.BadSecurityModeRejected}


def translate(error: BaseException, *, endpoint: str) -> ConnectorError:
    """Return what a person should read for an error of asyncua or of the network."""
    if isinstance(error, ConnectorError):
        return error
    if isinstance(error, UaStatusCodeError):
        return _of_status(error.code, endpoint)
    if isinstance(error, socket.gaierror):
        return fault(
            mark("There is no host of the name in %(endpoint)s; check the endpoint and the name service."),
            key="opcua.unknown_host", endpoint=endpoint,
        )  # fmt: skip
    if isinstance(error, ConnectionRefusedError):
        return fault(
            mark("Nothing listens at %(endpoint)s; check that the server runs and its port."),
            key="opcua.refused", endpoint=endpoint,
        )  # fmt: skip
    if isinstance(error, asyncio.TimeoutError | TimeoutError):
        return fault(
            mark("The server at %(endpoint)s doesn't answer; check the network and firewalls between."),
            key="opcua.no_answer", endpoint=endpoint,
        )  # fmt: skip
    if isinstance(error, OSError):
        return fault(
            mark("The connection to %(endpoint)s was lost (%(cause)s)."),
            key="opcua.connection_lost", endpoint=endpoint, cause=error.strerror or str(error) or "closed",
        )  # fmt: skip
    return fault(
        mark("The server at %(endpoint)s answered in a way that cannot be used (%(cause)s)."),
        key="opcua.protocol", endpoint=endpoint, cause=f"{type(error).__name__}: {error}"[:300],
    )  # fmt: skip


def _of_status(code: int, endpoint: str) -> ConnectorError:
    name = status_name(code)
    if code in _SIGN_IN:
        return fault(
            mark("The server refused the sign-in (%(status)s); check user, password or user certificate."),
            key="opcua.sign_in_refused", permanent=True, status=name,
        )  # fmt: skip
    if code in _OWN_CERTIFICATE:
        return fault(
            mark(
                "The server doesn't trust Forgeline's certificate (%(status)s); accept it in the server's list "
                "of trusted clients."
            ),
            key="opcua.own_certificate_refused", status=name,
        )  # fmt: skip
    if code in _POLICY:
        return fault(
            mark("The server doesn't accept this security policy or mode (%(status)s); choose another."),
            key="opcua.policy_refused", permanent=True, status=name,
        )  # fmt: skip
    return fault(
        mark("The server at %(endpoint)s answered %(status)s."),
        key="opcua.server_error", endpoint=endpoint, status=name,
    )  # fmt: skip


def status_name(code: int) -> str:
    """Return the symbolic name of a StatusCode (BadNodeIdUnknown), or its hexadecimal number."""
    name: str = ua.status_codes.get_name_and_doc(code)[0]
    return name if not name.startswith("Unknown") else f"0x{code:08X}"
