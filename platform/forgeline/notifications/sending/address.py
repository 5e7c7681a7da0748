"""Which addresses may be written to: their form, whose they are, and to what machine they resolve (no SSRF).

The name is resolved once; the connection goes to the very address that was judged (http).
"""

from __future__ import annotations

import ipaddress
import socket
from dataclasses import dataclass
from urllib.parse import SplitResult, urlsplit

from forgeline.notifications.sending.outcome import SendError

KNOWN_HOSTS = {
    "dingtalk.com": "dingtalk",
    "qyapi.weixin.qq.com": "wecom",
    "feishu.cn": "feishu",
    "larksuite.com": "feishu",
    "hooks.slack.com": "slack",
    "webhook.office.com": "teams",
    "logic.azure.com": "teams",
    "powerplatform.com": "teams",
}
"""Host (or the end of it) → whose robots live there."""
_NAT64 = ipaddress.ip_network("64:ff9b::/96")
_IP = ipaddress.IPv4Address | ipaddress.IPv6Address


@dataclass(frozen=True, slots=True)
class Place:
    """A web address taken apart, and the one machine to connect to."""

    scheme: str
    host: str
    port: int
    target: str
    """Path and query."""
    ip: str


def find_owner(host: str) -> str:
    """Return the kind of robot that a host is known for, or ''."""
    host = host.lower()
    return next((kind for end, kind in KNOWN_HOSTS.items() if host == end or host.endswith("." + end)), "")


def read_url(url: str, *, allow_private: bool) -> SplitResult:
    """Return the parts of a web address. **Raises** SendError (final) for one that cannot be meant."""
    try:
        parts = urlsplit(url.strip())
        port = parts.port
    except ValueError as error:
        raise SendError("address_unreadable", is_final=True) from error
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise SendError("address_unreadable", is_final=True)
    if parts.username or parts.password:
        raise SendError("address_with_password", is_final=True)
    if parts.scheme == "http" and not allow_private:
        raise SendError("address_not_https", is_final=True)
    if port == 0:
        raise SendError("address_unreadable", is_final=True)
    if any(ord(letter) <= 32 or ord(letter) == 127 for letter in url.strip()):
        raise SendError("address_unreadable", is_final=True)
    return parts


def is_public(ip: _IP) -> bool:
    """Say whether an address is one of the open internet: not private, loopback, link-local, multicast or reserved,
    nor an IPv6 form of such a one.
    """
    if isinstance(ip, ipaddress.IPv6Address):
        inner = ip.ipv4_mapped or ip.sixtofour
        if ip in _NAT64:
            inner = ipaddress.IPv4Address(int(ip) & 0xFFFF_FFFF)
        if ip.teredo:
            return False
        if inner is not None:
            return is_public(inner)
    return ip.is_global and not ip.is_multicast


def resolve(url: str, *, allow_private: bool) -> Place:
    """Resolve an address once and judge what it resolves to.

    **Raises** SendError: final for an address that is refused, for now where the name is not found.
    """
    parts = read_url(url, allow_private=allow_private)
    assert parts.hostname is not None
    port = parts.port or (443 if parts.scheme == "https" else 80)
    try:
        host = parts.hostname.encode("idna").decode() if not parts.hostname.isascii() else parts.hostname
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise SendError("host_unknown", parts.hostname) from error
    ips = [ipaddress.ip_address(str(entry[4][0]).partition("%")[0]) for entry in found]
    if not allow_private and not all(is_public(ip) for ip in ips):
        # One private address among public ones is how rebinding looks: none of them is used.
        raise SendError("address_private", parts.hostname, is_final=True)
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return Place(parts.scheme, host, port, target, str(ips[0]))
