"""How a node is written as an address, ``nsu=<namespace>;s=<id>``, and read back. Pure but for asyncua's NodeId.

Not here: finding nodes (browse). The namespace is written by its URI because its index may change whenever the
server's program changes (Part 6, 5.3.1.11); ``ns=2;s=…``, which engineers write by hand, is read too.
"""

from __future__ import annotations

from collections.abc import Sequence

from asyncua import ua

OBJECTS = "i=85"
"""The folder below which a server shows its plant."""


class AddressError(ValueError):
    """The text is no node id, or its namespace isn't known to the server."""


def parse_address(address: str, namespaces: Sequence[str]) -> ua.NodeId:
    """Return the node id that an address means on a server with these namespaces.

    **Raises** AddressError.
    """
    rest = address.strip()
    index = 0
    if rest.startswith("nsu="):
        uri, found, rest = rest[4:].partition(";")
        uri = uri.replace("%3B", ";").replace("%3b", ";").replace("%25", "%")
        if not found or uri not in namespaces:
            raise AddressError(f"the server has no namespace {uri}")
        index = list(namespaces).index(uri)
    elif rest.startswith("ns="):
        number, found, rest = rest[3:].partition(";")
        if not found or not number.isdigit() or int(number) > 0xFFFF:
            raise AddressError(f"{address} is no node id")
        index = int(number)
    if rest[:2] not in ("i=", "s=", "g=", "b="):
        raise AddressError(f"{address} is no node id")
    try:
        plain = ua.NodeId.from_string(rest)
    except (ua.UaError, ValueError) as error:
        raise AddressError(f"{address} is no node id") from error
    return ua.NodeId(plain.Identifier, ua.Int16(index), _kind(plain))


def _kind(node: ua.NodeId) -> ua.NodeIdType:
    """Return a type that can carry the id in any namespace: the short numeric forms can't."""
    short = (ua.NodeIdType.TwoByte, ua.NodeIdType.FourByte)
    return ua.NodeIdType.Numeric if node.NodeIdType in short else node.NodeIdType


def write_address(node: ua.NodeId, namespaces: Sequence[str]) -> str:
    """Return the address of a node; by index where the namespace's URI is missing or not unique."""
    plain = ua.NodeId(node.Identifier, ua.Int16(0), _kind(node)).to_string()
    plain = plain[5:] if plain.startswith("ns=0;") else plain
    index = int(node.NamespaceIndex)
    if index == 0:
        return plain
    uri = namespaces[index] if index < len(namespaces) else ""
    if not uri or list(namespaces).count(uri) > 1:
        return f"ns={index};{plain}"
    return "nsu=" + uri.replace("%", "%25").replace(";", "%3B") + ";" + plain
