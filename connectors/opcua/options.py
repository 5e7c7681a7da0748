"""The options of an OPC UA connection. Not here: how they are used (session, subscription, polling, history)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Self
from urllib.parse import urlsplit

from connectors.contract import Options, mark, option

POLICIES = ("None", "Basic256Sha256", "Aes128_Sha256_RsaOaep", "Aes256_Sha256_RsaPss")
MODES = ("Sign", "SignAndEncrypt")
_SECURE = {"security_policy": POLICIES[1:]}
_USER = {"identity": ("user",)}
_CERTIFICATE = {"identity": ("certificate",)}
_SUBSCRIBED = {"mode": ("subscribe",)}
IDENTITIES = ("anonymous", "user", "certificate")
DEADBANDS = ("none", "absolute", "percent")
SLOWED_BY = 4
"""How much longer a poll waits while the company stores more than its plan has."""
_LONGEST_POLL_S = 86_400


@dataclass(frozen=True)
class OpcUaOptions(Options):
    """Where the server is, how it is trusted, and how its nodes are read."""

    endpoint: str = option(label=mark("Endpoint"), help=mark("Such as opc.tcp://192.168.0.10:4840/server."))

    security_policy: str = option("None", label=mark("Security policy"), choices=POLICIES)
    security_mode: str = option(
        "SignAndEncrypt",
        label=mark("Security mode"),
        choices=MODES,
        when=_SECURE,
    )
    server_fingerprint: str = option(
        "",
        label=mark("Trusted server certificate"),
        when=_SECURE,
        help=mark("SHA-256 fingerprint of the certificate that a person has compared and trusted."),
    )

    identity: str = option("anonymous", label=mark("Sign-in"), choices=IDENTITIES)
    user: str = option("", label=mark("User"), when=_USER)
    password: str = option("", label=mark("Password"), secret=True, when=_USER)
    allow_unprotected_password: bool = option(
        False,
        label=mark("Send the password without a secure channel"),
        help=mark("Anyone on the network path could read it."),
        when=_USER,
        advanced=True,
    )
    user_certificate: str = option(
        "", label=mark("User certificate (PEM)"), multiline=True, when=_CERTIFICATE
    )
    user_key: str = option(
        "",
        label=mark("Private key of the user certificate (PEM)"),
        secret=True,
        multiline=True,
        when=_CERTIFICATE,
    )

    mode: str = option("subscribe", label=mark("How values arrive"), choices=("subscribe", "poll"))
    publishing_interval_ms: float = option(
        500.0, label=mark("Publishing interval"), unit="ms", minimum=10, maximum=3_600_000, when=_SUBSCRIBED
    )
    sampling_interval_ms: float = option(
        250.0,
        label=mark("Sampling interval"),
        when=_SUBSCRIBED,
        unit="ms",
        minimum=0,
        maximum=3_600_000,
        help=mark("How often the server looks at a node; 0 asks for the fastest it can."),
    )
    queue_size: int = option(
        10,
        label=mark("Queue size"),
        when=_SUBSCRIBED,
        minimum=1,
        maximum=100_000,
        help=mark("Changes of one node that the server keeps between two messages."),
    )
    deadband_type: str = option("none", label=mark("Deadband"), choices=DEADBANDS, when=_SUBSCRIBED)
    deadband: float = option(
        0.0,
        label=mark("Deadband value"),
        when={"deadband_type": ("absolute", "percent")},
        minimum=0,
        help=mark("In the node's unit, or in percent of its range."),
    )
    poll_interval_s: float = option(
        1.0,
        label=mark("Polling interval"),
        unit="s",
        minimum=0.05,
        maximum=_LONGEST_POLL_S,
        when={"mode": ("poll",)},
    )

    confirm_unchanged: bool = option(
        True,
        label=mark("Confirm unchanged values"),
        help=mark("While the server is alive, an unchanged value is stored again each expected interval."),
        advanced=True,
    )
    backfill: bool = option(
        True, label=mark("Fill gaps from the server's history"), help=mark("Where the server keeps one.")
    )
    backfill_limit_h: float = option(
        72.0, label=mark("Longest gap to fill"), unit="h", minimum=0.1, maximum=8760, advanced=True
    )
    timeout_s: float = option(10.0, label=mark("Time-out"), unit="s", minimum=1, maximum=120, advanced=True)
    keep_alive_s: float = option(
        5.0,
        label=mark("Keep-alive"),
        unit="s",
        minimum=1,
        maximum=300,
        advanced=True,
        help=mark("A server that is silent three times as long is taken as lost."),
    )

    def check(self) -> dict[str, list[str]]:
        faults: dict[str, list[str]] = {}
        parts = _split(self.endpoint)
        if parts is None:
            faults["endpoint"] = [mark("This must look like opc.tcp://host:4840/path.")]
        elif parts[2]:
            faults["endpoint"] = [mark("Put the user and password into their own fields.")]
        if self.server_fingerprint and not re.fullmatch(r"[0-9a-f]{64}", self.server_fingerprint):
            faults["server_fingerprint"] = [mark("This must be 64 hexadecimal digits.")]
        if self.identity == "user":
            if not self.user:
                faults["user"] = [mark("This is needed to sign in with a user.")]
            if self.security_policy == "None" and not self.allow_unprotected_password:
                faults["security_policy"] = [
                    mark("A password needs a secure channel; choose a security policy, or allow it without.")
                ]
        if self.identity == "certificate":
            for name in ("user_certificate", "user_key"):
                if "-----BEGIN" not in getattr(self, name):
                    faults[name] = [mark("This must be a PEM text that begins with -----BEGIN.")]
            if self.security_policy == "None":
                faults["security_policy"] = [mark("A user certificate needs a secure channel.")]
        return faults

    def slowed(self) -> Self:
        if self.mode != "poll":
            return self
        return replace(self, poll_interval_s=min(self.poll_interval_s * SLOWED_BY, _LONGEST_POLL_S))

    @property
    def host(self) -> str:
        """Host name or address of the endpoint."""
        parts = _split(self.endpoint)
        return parts[0] if parts else ""

    @property
    def is_secure(self) -> bool:
        return self.security_policy != "None"


def _split(endpoint: str) -> tuple[str, int, str] | None:
    """Return host, port and credentials of an endpoint, or None where it is none."""
    try:
        parts = urlsplit(endpoint)
        host, port = parts.hostname, parts.port or 4840
    except ValueError:
        return None
    if parts.scheme != "opc.tcp" or not host:
        return None
    return host, port, parts.username or parts.password or ""


@dataclass(frozen=True, slots=True)
class ItemOptions:
    """How one node is watched: the connection's options, with what its binding says otherwise."""

    sampling_interval_ms: float
    queue_size: int
    deadband_type: str
    deadband: float

    @classmethod
    def of(cls, options: OpcUaOptions, binding: Mapping[str, Any]) -> ItemOptions:
        """Merge; a value that cannot be used falls back to the connection's."""

        def number(name: str, default: float) -> float:
            value = binding.get(name, default)
            is_number = isinstance(value, int | float) and not isinstance(value, bool) and value >= 0
            return float(value) if is_number else default

        kind = binding.get("deadband_type", options.deadband_type)
        return cls(
            sampling_interval_ms=number("sampling_interval_ms", options.sampling_interval_ms),
            queue_size=max(1, int(number("queue_size", options.queue_size))),
            deadband_type=kind if kind in DEADBANDS else options.deadband_type,
            deadband=number("deadband", options.deadband),
        )
