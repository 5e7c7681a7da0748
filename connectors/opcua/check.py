"""Test before save: each step of a connection, tried and told. Not here: what a page makes of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from asyncua import ua

from connectors.contract import CheckStep, ConnectorError, mark
from connectors.opcua.certificates import get_identity, read_facts
from connectors.opcua.decode import decode_read
from connectors.opcua.faults import translate
from connectors.opcua.options import OpcUaOptions
from connectors.opcua.session import (
    OfferedEndpoint,
    Session,
    choose_endpoint,
    list_endpoints,
    open_session,
    require_trust,
)


async def run_check(options: OpcUaOptions, *, name: str, folder: Path | None) -> list[CheckStep]:
    """Try to reach, trust, sign in and read; stop at the first step that fails. Never raises for a failed step.

    The step ``certificate`` bears the server's fingerprint, subject and expiry in its data, so that a person can
    compare and trust it; ``own_certificate`` bears ours.
    """
    steps: list[CheckStep] = []
    try:
        offered = await list_endpoints(options)
        steps.append(_offer(options, offered))
        endpoint = choose_endpoint(options, offered)
        if options.is_secure:
            steps.append(_own(folder))
            facts = require_trust(options, endpoint.certificate)
            steps.append(
                _step(
                    "certificate",
                    mark("The server's certificate is trusted: %(subject)s, valid until %(until)s."),
                    **facts.as_data(),
                )
            )
        async with open_session(options, name=f"{name}-check", folder=folder) as session:
            steps.append(_step("sign_in", mark("Signed in.")))
            steps.append(await _read(session))
    except ConnectorError as error:
        steps.append(_failed(error, steps))
    except (OSError, TimeoutError, ua.UaError) as error:
        steps.append(_failed(translate(error, endpoint=options.endpoint), steps))
    return steps


def _step(name: str, sentence: str, **data: Any) -> CheckStep:
    detail = sentence % data if data else sentence
    return CheckStep(name=name, ok=True, detail=detail, data={**data, "sentence": sentence})


def _offer(options: OpcUaOptions, offered: list[OfferedEndpoint]) -> CheckStep:
    ways = sorted(
        {each.policy if each.policy == "None" else f"{each.policy}/{each.mode}" for each in offered}
    )
    certificates = {}
    for each in offered:
        if each.certificate:
            facts = read_facts(each.certificate)
            certificates[facts.fingerprint] = facts.as_data()
    return _step(
        "reach",
        mark("%(endpoint)s answers and offers: %(offered)s."),
        endpoint=options.endpoint,
        offered=", ".join(ways),
        ways=[
            {"policy": each.policy, "mode": each.mode, "identities": list(each.identities)}
            for each in offered
        ],
        certificates=list(certificates.values()),
    )


def _own(folder: Path | None) -> CheckStep:
    facts = get_identity(folder).facts
    return _step(
        "own_certificate",
        mark("Forgeline shows the certificate %(fingerprint)s, valid until %(until)s."),
        **facts.as_data(),
    )


async def _read(session: Session) -> CheckStep:
    request = ua.ReadRequest()
    request.Parameters.NodesToRead = [
        ua.ReadValueId(ua.NodeId(ua.Int32(number)), ua.AttributeIds.Value)
        for number in (
            ua.ObjectIds.Server_ServerStatus_BuildInfo_ProductName,
            ua.ObjectIds.Server_ServerStatus_BuildInfo_SoftwareVersion,
            ua.ObjectIds.Server_ServerStatus_CurrentTime,
        )
    ]
    product, version, now = decode_read(await session.request(request)).values
    return _step(
        "read",
        mark("The server is %(product)s %(version)s; its clock says %(now)s."),
        product=product or "?",
        version=version or "",
        now=str(now or "?")[:19].replace("T", " "),
    )


_FAILED_STEP = {
    "opcua.untrusted_certificate": "certificate",
    "opcua.bad_certificate": "certificate",
    "opcua.no_such_endpoint": "security",
    "opcua.policy_refused": "security",
    "opcua.own_certificate_refused": "own_certificate_accepted",
    "opcua.sign_in_refused": "sign_in",
    "opcua.bad_user_certificate": "sign_in",
}


def _failed(error: ConnectorError, steps: list[CheckStep]) -> CheckStep:
    name = _FAILED_STEP.get(error.key) or ("reach" if not steps else "session")
    return CheckStep(name=name, ok=False, detail=error.message, data={**error.data, "key": error.key})
